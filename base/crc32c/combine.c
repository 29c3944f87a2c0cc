/* SPDX-License-Identifier: MIT */
/*
 * Two CRCs put together.
 *
 * A CRC is linear: `size` zero bytes behind what comes first multiply its remainder by
 * x^(8 * size), and the piece's own remainder is added to that.  Initial value and final
 * exclusive-or cancel out, as Mark Adler describes for zlib's crc32_combine().  The power is put
 * together from those for 1, 2, 4 ... bytes: one multiplication for each bit that is set in `size`.
 */
#include "base/crc32c/combine.h"

static const uint32_t polynomial = 0x82F63B78u;

/* x^(8 * 2^k) modulo the polynomial, reflected: each is the square of the one before. */
static const uint32_t zeroes[32] = {
    0x00800000, 0x00008000, 0x82F63B78, 0x6EA2D55C, 0x18B8EA18, 0x510AC59A, 0xB82BE955, 0xB8FDB1E7,
    0x88E56F72, 0x74C360A4, 0xE4172B16, 0x0D65762A, 0x35D73A62, 0x28461564, 0xBF455269, 0xE2EA32DC,
    0xFE7740E6, 0xF946610B, 0x3C204F8F, 0x538586E3, 0x59726915, 0x734D5309, 0xBC1AC763, 0x7D0722CC,
    0xD289CABE, 0xE94CA9BC, 0x05B74F3F, 0xA51E1F42, 0x40000000, 0x20000000, 0x08000000, 0x00800000,
};

/* a * b modulo the polynomial, reflected: the highest bit is x^0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (; a != 0; a <<= 1) {
        product ^= (a & 0x80000000u) != 0 ? b : 0;
        b = b >> 1 ^ ((b & 1) != 0 ? polynomial : 0);
    }
    return product;
}

uint32_t smew__crc32c_combine(uint32_t before, uint32_t piece, uint32_t size)
{
    for (size_t i = 0; size != 0; size >>= 1, i++) {
        if ((size & 1) != 0)
            before = multiply(zeroes[i], before);
    }
    return before ^ piece;
}
