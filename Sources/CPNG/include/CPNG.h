#ifndef CPNG_H
#define CPNG_H

#include <stddef.h>
#include <stdint.h>

/// Decodes a whole PNG file to 8-bit interleaved samples.
///
/// `width` and `height` must be those of the file's header, which the caller has read and found acceptable:
/// larger images are refused before anything is allocated for them. `channels` is 3 (RGB, any alpha dropped) or
/// 4 (RGBA, straight alpha; opaque where the file has none). Palettes and `tRNS` are expanded, 16-bit
/// samples keep their high byte, no gamma is applied. `pixels` has room for `width * height * channels` bytes.
///
/// Returns 0, or 1 after writing a sentence of at most `message_size` bytes, terminated, to `message`. Nothing
/// is written to standard error. libpng reports errors by longjmp; it never leaves this function.
int cpng_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, int channels,
                uint8_t *pixels, char *message, size_t message_size);

/// How many bytes a PNG file of 8-bit RGB samples may take.
size_t cpng_encoded_bound(uint32_t width, uint32_t height);

/// Encodes 8-bit interleaved RGB samples as a whole PNG file.
///
/// `bytes` has room for `*count` bytes, at least `cpng_encoded_bound`; `*count` becomes the file's length. Returns 0, or 1
/// after writing a sentence of at most `message_size` bytes, terminated, to `message`.
int cpng_encode(const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t *bytes, size_t *count,
                char *message, size_t message_size);

#endif
