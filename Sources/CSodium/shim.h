#include <sodium.h>
#ifdef __linux__
// malloc_usable_size, for what has to be wiped in objects of others.
#include <malloc.h>
#endif
