/* checkpoint - what a log signs of itself.  SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "secureev/note.h"

/* The next line, which is not empty, without its line feed; empty where there is none. */
static sev_slice take_line(sev_slice *rest)
{
    size_t end = 0;
    while (end < rest->len && rest->ptr[end] != '\n')
        end++;
    if (end == rest->len)
        return SEV_EMPTY;
    sev_slice line = sev_slice_sub(*rest, 0, end);
    *rest = sev_slice_sub(*rest, end + 1, rest->len);
    return line;
}

sev_err sev_checkpoint_parse(sev_slice text, struct sev_checkpoint *out)
{
    struct sev_checkpoint made;
    sev_buf root = sev_buf_of(made.root, sizeof made.root);
    sev_slice rest = text;
    if (SEV_REFUSE_IF(text.len > SEV_CHECKPOINT_BYTES_MAX))
        return SEV_E_NOTE;
    made.origin = take_line(&rest);
    sev_slice size = take_line(&rest), hash = take_line(&rest);
    made.extension = rest;
    if (SEV_REFUSE_IF(made.origin.len == 0))
        return SEV_E_NOTE;
    if (SEV_HEED(sev_decimal_parse(size, &made.size)) != SEV_OK)
        return SEV_E_NOTE;
    if (SEV_REFUSE_IF(sev_base64_decode(hash, &root) != SEV_OK || root.len != sizeof made.root))
        return SEV_E_NOTE;
    while (rest.len != 0)
        if (SEV_REFUSE_IF(take_line(&rest).len == 0)) /* an empty one, or one that does not end */
            return SEV_E_NOTE;
    *out = made;
    return SEV_OK;
}

void sev_checkpoint_write(const struct sev_checkpoint *checkpoint, sev_buf *out)
{
    sev_buf_put_slice(out, checkpoint->origin);
    sev_buf_put_byte(out, '\n');
    sev_decimal_format(checkpoint->size, out);
    sev_buf_put_byte(out, '\n');
    sev_base64_encode(sev_slice_of(checkpoint->root, SEV_SHA256_BYTES), out);
    sev_buf_put_byte(out, '\n');
    sev_buf_put_slice(out, checkpoint->extension);
}
