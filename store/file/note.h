/* note - results of the door as errors, with a note of what failed for people.
 * SPDX-License-Identifier: MIT */
#ifndef SEV_FILE_NOTE_H
#define SEV_FILE_NOTE_H

#include "secureev/fs.h"

/** Write down that `call` on `path` gave `result` (-errno), and give that as an error. */
sev_err sev_fs_failed(const struct sev_fs *fs, const char *call, const char *path, int result);
/** Write down a refusal of ours and give `err` back. */
sev_err sev_fs_refused(const struct sev_fs *fs, const char *path, const char *why, sev_err err);

#endif
