/* How fast a file gets to the disk. Usage: write FILE MEBIBYTES. Prints bytes a second; the file goes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 20];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int file = open(argv[1], O_WRONLY | O_CREAT | O_EXCL, 0600);
	double began = now();
	for (int number = 0; number < atoi(argv[2]); number++)
		if (write(file, block, sizeof block) != sizeof block) {
			perror(argv[1]);
			return 1;
		}
	if (fsync(file)) {
		perror(argv[1]);
		return 1;
	}
	printf("%.0f\n", atoi(argv[2]) * (double)sizeof block / (now() - began));
	return unlink(argv[1]) != 0;
}
