/* SPDX-License-Identifier: MIT */
#ifndef SMEW_EXPORT_H
#define SMEW_EXPORT_H

/*
 * How public names leave the library.  SMEW_API marks what is exported; SMEW_MUST_USE marks a
 * function whose status is lost only by mistake.
 */

#define SMEW_API __attribute__((visibility("default")))
#define SMEW_MUST_USE __attribute__((warn_unused_result))
#define SMEW_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))

/*
 * The initialiser of an option struct that begins with its size: the rest is zero, the default.
 * Written so that neither language warns of the members that are not named.
 */
#ifdef __cplusplus
template <class T> static inline T smew__sized()
{
    T options = T();
    options.size = sizeof(T);
    return options;
}
#define SMEW_SIZED(type) smew__sized<type>()
#else
#define SMEW_SIZED(type)      \
    {                         \
        .size = sizeof(type), \
    }
#endif

#endif
