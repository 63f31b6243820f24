// A heap of 3 GiB: in one piece, freed and taken again, and in many pieces.
#include "check.h"
#include <stdint.h>
#include <stdlib.h>

#define GIB (1024u * 1024 * 1024)

int main(void)
{
	size_t size = 3u * GIB;
	for (int round = 0; round < 3; round++) {
		unsigned char *block = malloc(size);
		CHECK(block != NULL);
		if (!block)
			break;
		for (size_t i = 0; i < size; i += GIB / 4)
			block[i] = (unsigned char)(i >> 20);
		block[size - 1] = 99;
		int intact = block[size - 1] == 99;
		for (size_t i = 0; i < size; i += GIB / 4)
			intact &= block[i] == (unsigned char)(i >> 20);
		CHECK(intact);
		free(block);
	}
	volatile size_t all = 4095u * 1024 * 1024;
	void *volatile none = malloc(all);
	CHECK(none == NULL);

	enum { PIECES = 48 };
	unsigned char *pieces[PIECES];
	int got = 0;
	for (; got < PIECES; got++) {
		pieces[got] = calloc(1, GIB / 16);
		if (!pieces[got] || pieces[got][12345])
			break;
		pieces[got][GIB / 16 - 1] = 1;
	}
	CHECK(got == PIECES);
	while (got--)
		free(pieces[got]);
	return CHECK_DONE();
}
