/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * cmocka.h, for "make analyze" alone: what an analyzer cannot know, that an
 * assertion which does not hold does not return.
 */

#ifndef _ANALYZE_CMOCKA_H_INCLUDED_
#define _ANALYZE_CMOCKA_H_INCLUDED_


#include_next <cmocka.h>

#include <stdlib.h>


#undef  assert_true
#define assert_true(c)          ((c) ? (void) 0 : abort())

#undef  assert_false
#define assert_false(c)         assert_true(!(c))

#undef  assert_non_null
#define assert_non_null(p)      assert_true((p) != NULL)

#undef  assert_int_equal
#define assert_int_equal(a, b)  assert_true((a) == (b))

#undef  fail_msg
#define fail_msg(...)           abort()

#undef  skip
#define skip()                  abort()


#endif /* _ANALYZE_CMOCKA_H_INCLUDED_ */
