/* Bytes a second over TCP. Usage: stream serve PORT | stream send ADDRESS PORT SECONDS.
 * The sender prints what the receiver has counted, so that nothing in a buffer is taken for sent. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[128 * 1024];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Takes one connection after the other: IPv4 ones come to an IPv6 socket, too. */
static void serve(int port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int yes = 1, listener = socket(AF_INET6, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 8))
		fail("listen");
	for (;;) {
		int peer = accept(listener, NULL, NULL);
		uint64_t total = 0;
		ssize_t got;
		while ((got = read(peer, block, sizeof block)) > 0)
			total += got;
		if (write(peer, &total, sizeof total) != sizeof total)
			perror("answer");
		close(peer);
	}
}

static int connected(const char *address, int port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
	int peer = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1)
		fail(address);
	if (is_six ? connect(peer, (struct sockaddr *)&six, sizeof six) : connect(peer, (struct sockaddr *)&four, sizeof four))
		fail("connect");
	return peer;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(atoi(argv[2]));
	if (argc != 5 || strcmp(argv[1], "send") != 0)
		return 2;
	int peer = connected(argv[2], atoi(argv[3]));
	double began = now(), until = began + atof(argv[4]);
	uint64_t total = 0;
	while (now() < until)
		if (write(peer, block, sizeof block) < 0)
			fail("write");
	shutdown(peer, SHUT_WR);
	if (read(peer, &total, sizeof total) != sizeof total)
		fail("answer");
	printf("%.0f\n", total / (now() - began));
	return 0;
}
