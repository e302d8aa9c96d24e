// Debian keeps it in a folder of its own, which pkg-config knows; without pkg-config this finds it.
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif
