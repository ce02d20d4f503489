#include "CPNG.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

/* libpng reports errors by longjmp, which must not cross Swift frames: the whole of decoding happens here,
 * between one setjmp and its return, over memory that the caller owns. */

struct source {
    const uint8_t *bytes;
    size_t count;
    size_t position;
};

struct complaint {
    char *text;
    size_t size;
};

static void fail(png_structp png, png_const_charp message) {
    struct complaint *complaint = png_get_error_ptr(png);
    if (complaint->size > 0) {
        strncpy(complaint->text, message, complaint->size - 1);
        complaint->text[complaint->size - 1] = 0;
    }
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep into, size_t length) {
    struct source *source = png_get_io_ptr(png);
    if (length > source->count - source->position) png_error(png, "the file ends early");
    memcpy(into, source->bytes + source->position, length);
    source->position += length;
}

int cpng_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height, int channels,
                uint8_t *pixels, char *message, size_t message_size) {
    struct source source = {bytes, count, 0};
    struct complaint complaint = {message, message_size};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &complaint, fail, ignore);
    if (png == NULL) {
        if (message_size > 0) strncpy(message, "out of memory", message_size - 1);
        return 1;
    }
    /* Made before setjmp, so that its value is certain after a longjmp; neither call jumps. */
    png_infop info = png_create_info_struct(png);
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return 1;
    }
    if (info == NULL) png_error(png, "out of memory");

    png_set_user_limits(png, width, height);
    /* Only what makes pixels is read: IHDR, PLTE, tRNS, IDAT, IEND. Texts, profiles and suggested palettes, which may
     * inflate to a thousand times their length, are passed over. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_chunk_malloc_max(png, 8u << 20);
    png_set_read_fn(png, &source, read_bytes);
    png_read_info(png, info);
    if (png_get_image_width(png, info) != width || png_get_image_height(png, info) != height)
        png_error(png, "two headers disagree");

    png_set_expand(png);                        /* palette to RGB, low depths to 8 bits, tRNS to alpha */
    png_set_strip_16(png);                      /* the high byte of 16-bit samples */
    png_set_gray_to_rgb(png);
    if (channels == 4) png_set_add_alpha(png, 0xFF, PNG_FILLER_AFTER);
    else png_set_strip_alpha(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t stride = (size_t)width * (size_t)channels;
    if (png_get_rowbytes(png, info) != stride) png_error(png, "an unexpected row length");

    for (int pass = 0; pass < passes; pass++)
        for (uint32_t row = 0; row < height; row++) png_read_row(png, pixels + stride * row, NULL);
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
}

static png_image described(uint32_t width, uint32_t height) {
    png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGB};
    return image;
}

size_t cpng_encoded_bound(uint32_t width, uint32_t height) {
    png_image image = described(width, height);
    return PNG_IMAGE_PNG_SIZE_MAX(image);
}

int cpng_encode(const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t *bytes, size_t *count,
                char *message, size_t message_size) {
    png_image image = described(width, height);
    png_alloc_size_t size = *count;
    /* libpng's simplified interface keeps its longjmp to itself. */
    int written = png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL);
    if (written) {
        *count = size;
    } else if (message_size > 0) {
        strncpy(message, image.message, message_size - 1);
        message[message_size - 1] = 0;
    }
    png_image_free(&image);
    return written ? 0 : 1;
}
