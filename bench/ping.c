/* A load client that is not the bottleneck: GET /_ping on N connections in a closed loop for S seconds.
 * Usage: ping SOCKET CONNECTIONS SECONDS. Prints requests a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char REQUEST[] = "GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n";

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Answers are small, so one read has a whole one; its end is the two bytes of the body. */
static int complete(const char *answer, ssize_t length)
{
	return length > 6 && memcmp(answer + length - 2, "OK", 2) == 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int connections = atoi(argv[2]);
	double seconds = atof(argv[3]);
	int poll = epoll_create1(0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	for (int i = 0; i < connections; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
		if (connect(fd, (struct sockaddr *)&address, sizeof address) || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
			return perror("connect"), 1;
		if (write(fd, REQUEST, sizeof REQUEST - 1) < 0)
			return perror("write"), 1;
	}
	long answers = 0;
	double begin = now(), end = begin + seconds;
	while (now() < end) {
		struct epoll_event events[64];
		int ready = epoll_wait(poll, events, 64, 1000);
		for (int i = 0; i < ready; i++) {
			char answer[4096];
			ssize_t length = read(events[i].data.fd, answer, sizeof answer);
			if (!complete(answer, length))
				return fprintf(stderr, "not an answer\n"), 1;
			answers++;
			if (write(events[i].data.fd, REQUEST, sizeof REQUEST - 1) < 0)
				return perror("write"), 1;
		}
	}
	printf("%.0f\n", answers / (now() - begin));
	return 0;
}
