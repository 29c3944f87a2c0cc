/* SPDX-License-Identifier: MIT */
#ifndef SMEW_BASE_INLINE_H
#define SMEW_BASE_INLINE_H

/*
 * For what each message does: in line wherever it is called, also where the compiler would find the
 * caller large enough.  A call costs registers that are saved and loads that are made again, some
 * ten per cent of a send each.
 */
#define SMEW__INLINE static inline __attribute__((always_inline))

#endif
