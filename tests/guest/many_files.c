// Makes, reads and removes 10,000 small files in the current folder.
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 10000 };

int main(void)
{
	char name[64], text[64];
	int made = 0, right = 0, listed = 0, removed = 0;
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "small-%d", i);
		FILE *file = fopen(name, "w");
		made += file && fprintf(file, "content of %s", name) > 0;
		made -= file && fclose(file) != 0;
	}
	DIR *here = opendir(".");
	for (struct dirent *entry; (entry = readdir(here));)
		listed += !strncmp(entry->d_name, "small-", 6);
	closedir(here);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "small-%d", i);
		FILE *file = fopen(name, "r");
		if (file && fgets(text, sizeof text, file))
			right += !strncmp(text, "content of ", 11) && !strcmp(text + 11, name);
		if (file)
			fclose(file);
		removed += unlink(name) == 0;
	}
	printf("%d made, %d listed, %d right, %d removed\n", made, listed, right, removed);
	return 0;
}
