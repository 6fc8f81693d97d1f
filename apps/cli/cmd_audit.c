/* cmd_audit - `secureev audit`: what a log says, held against everything that can be checked of it.
 * SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700 /* nanosleep */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit.h"
#include "secureev/key.h"
#include "secureev/spki.h"

#define NOTE_BYTES_MAX SEV_NOTE_BYTES_MAX

static sev_slice text_of(const char *s)
{
    return s == NULL ? SEV_EMPTY : sev_slice_of(s, strlen(s));
}

static void w_hex(sev_json_writer *w, const char *name, const uint8_t *bytes, size_t len)
{
    char text[2 * SEV_SHA256_BYTES];
    sev_buf hex = sev_buf_of(text, sizeof text);
    sev_hex_encode(sev_slice_of(bytes, len), &hex);
    sev_json_w_string_member(w, name, sev_buf_slice(&hex));
}

/* ------------------------------------------------------------------------ key */

static void emit_key(sev_json_writer *w, const void *context)
{
    sev_json_w_object(w);
    sev_json_w_string_member(w, "verifierKey", *(const sev_slice *)context);
    sev_json_w_object_end(w);
}

static int run_key(struct cli *c)
{
    struct sev_bytes file = {NULL, 0};
    const char *path = cli_arg(c, 0), *name = cli_opt(c, "name");
    struct sev_note_key key;
    struct sev_pubkey public;
    char room[1024];
    sev_buf out = sev_buf_of(room, sizeof room);
    sev_err e = sev_file_read(cli_fs(c), path, SEV_KEY_OBJECT_BYTES_MAX, 0, &file);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, "secureev key export NAME --public --out FILE");
    e = sev_json_check(sev_bytes_slice(&file), (struct sev_json_scratch){NULL, 0}, NULL, NULL);
    if (e == SEV_OK)
        e = sev_key_parse(sev_bytes_slice(&file), SEV_PROFILE_NATIVE, &public);
    sev_bytes_free(cli_fs(c), &file);
    sev_note_type type = cli_flag(c, "cosigner")       ? SEV_NOTE_COSIGNATURE
                         : public.type == SEV_KEY_P256 ? SEV_NOTE_ECDSA
                                                       : SEV_NOTE_ED25519;
    if (e == SEV_OK)
        e = sev_note_key_init(text_of(name), type, &public, &key);
    if (e == SEV_OK)
        e = sev_note_key_write(&key, &out);
    if (e != SEV_OK)
        return cli_fail(c, e, "a log's key is Ed25519 or P-256, a witness's Ed25519", "%s", path);
    sev_slice text = sev_buf_slice(&out);
    if (cli_json(c))
        return cli_print_json(c, emit_key, &text);
    cli_print(c, "%.*s\n", (int)text.len, (const char *)text.ptr);
    return 0;
}

/* --------------------------------------------------------------------- verify */

/* The checkpoint that was believed last; none is fine. */
static int load_state(struct audit_reader *r, struct audit_head *out, bool *out_there)
{
    const char *path = cli_opt(r->cli, "state");
    struct sev_bytes note = {NULL, 0};
    *out_there = false;
    if (path == NULL)
        return 0;
    sev_err e = sev_file_read(cli_fs(r->cli), path, NOTE_BYTES_MAX, 0, &note);
    if (e == SEV_E_NOT_FOUND)
        return 0;
    if (e != SEV_OK)
        return cli_fail_fs(r->cli, e, NULL);
    uint64_t threshold = r->trust.threshold;
    r->trust.threshold = 0; /* it was enough when it was stored */
    e = audit_judge(r, &note, out);
    r->trust.threshold = threshold;
    if (e != SEV_OK)
        return cli_fail(r->cli, e, "it is the last checkpoint, as this command stored it",
                        "--state %s", path);
    *out_there = true;
    return 0;
}

static int store_state(struct audit_reader *r, const struct audit_head *head)
{
    const char *path = cli_opt(r->cli, "state");
    if (path == NULL)
        return 0;
    sev_err e = sev_file_replace(cli_fs(r->cli), path, sev_bytes_slice(&head->note), 0644);
    return e == SEV_OK ? 0 : cli_fail_fs(r->cli, e, NULL);
}

struct verified {
    const struct audit_head *head;
    const struct audit_head *old; /* NULL: none */
    uint64_t from;
};

static void emit_verified(sev_json_writer *w, const void *context)
{
    const struct verified *v = context;
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "from", (int64_t)v->from);
    sev_json_w_string_member(w, "origin", v->head->checkpoint.origin);
    w_hex(w, "root", v->head->checkpoint.root, SEV_SHA256_BYTES);
    sev_json_w_integer_member(w, "size", (int64_t)v->head->checkpoint.size);
    sev_json_w_integer_member(w, "witnesses", v->head->witnesses);
    sev_json_w_object_end(w);
}

static int verify(struct audit_reader *r)
{
    struct audit_head head = {.witnesses = 0}, old = {.witnesses = 0};
    bool there = false;
    int code = load_state(r, &old, &there);
    if (code == 0)
        code = audit_fetch_head(r, &head);
    if (code == 0) {
        sev_err e = audit_walk(r, there ? &old.checkpoint : NULL, &head.checkpoint, NULL, NULL);
        if (e == SEV_OK && there && cli_flag(r->cli, "full"))
            e = audit_walk(r, NULL, &head.checkpoint, NULL, NULL);
        code = e == SEV_OK ? store_state(r, &head) : audit_fail(r, e);
    }
    struct verified v = {.head = &head, .old = there ? &old : NULL};
    v.from = there && !cli_flag(r->cli, "full") ? old.checkpoint.size : 0;
    if (code == 0 && cli_json(r->cli)) {
        code = cli_print_json(r->cli, emit_verified, &v);
    } else if (code == 0) {
        cli_print_text(r->cli, head.checkpoint.origin);
        cli_print(r->cli, ": %llu leaves, of which %llu are new; %u of %llu witnesses\n",
                  (unsigned long long)head.checkpoint.size,
                  (unsigned long long)(head.checkpoint.size - v.from), head.witnesses,
                  (unsigned long long)r->trust.witness_count);
    }
    audit_head_free(r->cli, &head);
    audit_head_free(r->cli, &old);
    return code;
}

static int run_verify(struct cli *c)
{
    struct audit_reader r;
    int code = audit_open(c, true, &r);
    if (code == 0)
        code = verify(&r);
    audit_close(&r);
    return code;
}

/* ---------------------------------------------------------------------- prove */

static int read_salt(struct cli *c, struct sev_bytes *out)
{
    const char *path = cli_opt(c, "salt-file");
    sev_err e = sev_file_read(cli_fs(c), path, SEV_AUDIT_SALT_BYTES_MAX, SEV_FILE_PRIVATE, out);
    if (e == SEV_OK && out->len < SEV_AUDIT_SALT_BYTES_MIN) {
        sev_bytes_wipe(cli_fs(c), out);
        return cli_fail(c, SEV_E_CONFIG, "it is the shipper's", "%s is no salt", path);
    }
    return e == SEV_OK ? 0 : cli_fail_fs(c, e, NULL);
}

/* 0 and `out`, or the exit code of what was reported. */
static int pseudonym_of(struct cli *c, char out[SEV_AUDIT_PSEUDONYM_CHARS])
{
    struct sev_bytes salt = {NULL, 0};
    if (cli_opt(c, "salt-file") == NULL)
        return cli_usage(c, "--vehicle needs the --salt-file that makes its pseudonym");
    int code = read_salt(c, &salt);
    if (code == 0)
        sev_audit_pseudonym(sev_bytes_slice(&salt), text_of(cli_opt(c, "vehicle")), out);
    sev_bytes_wipe(cli_fs(c), &salt);
    return code;
}

struct wanted {
    bool by_vehicle;
    char subject[SEV_AUDIT_PSEUDONYM_CHARS];
    sev_slice what;
    uint64_t index;
    bool found;
    uint8_t leaf_room[SEV_AUDIT_LEAF_BYTES_MAX];
    sev_slice leaf;
};

/* The newest that fits. */
static bool look(void *context, uint64_t index, sev_slice leaf)
{
    struct wanted *w = context;
    struct sev_audit_leaf l;
    if (w->by_vehicle) {
        if (sev_audit_leaf_parse(leaf, &l) != SEV_OK ||
            memcmp(l.subject, w->subject, sizeof w->subject) != 0 ||
            (w->what.len != 0 && !sev_slice_eq(w->what, l.what)))
            return true;
    } else if (index != w->index) {
        return true;
    }
    if (leaf.len > sizeof w->leaf_room)
        return true;
    memcpy(w->leaf_room, leaf.ptr, leaf.len);
    w->leaf = sev_slice_of(w->leaf_room, leaf.len);
    w->index = index;
    w->found = true;
    return true;
}

/* One leaf by its number: no more than its bundle is read. The proof says whether it is the one. */
static sev_err fetch_leaf(struct audit_reader *r, const struct audit_head *head, struct wanted *w)
{
    struct sev_tlog_tile tile = {SEV_TLOG_ENTRIES_LEVEL, w->index / SEV_TLOG_TILE_WIDTH, 0};
    char path[SEV_TLOG_PATH_BYTES_MAX + 2] = "/";
    sev_buf b = sev_buf_of(path + 1, sizeof path - 2);
    sev_slice rest = SEV_EMPTY, entry = SEV_EMPTY;
    tile.width = sev_tlog_width(head->checkpoint.size, tile.level, tile.index);
    if (w->index >= head->checkpoint.size)
        return SEV_E_NOT_FOUND;
    sev_tlog_path(&tile, &b);
    path[1 + b.len] = '\0';
    sev_err e = audit_get(r, path, &rest);
    for (uint64_t i = 0; e == SEV_OK && i <= w->index % SEV_TLOG_TILE_WIDTH; i++)
        if (!sev_tlog_entry(&rest, &entry))
            e = SEV_E_LOG_TILE;
    if (e == SEV_OK)
        (void)look(w, w->index, entry);
    return e == SEV_OK && !w->found ? SEV_E_TOO_LONG : e;
}

struct proven {
    const struct audit_head *head;
    uint64_t index;
    sev_slice leaf;
};

static void emit_proven(sev_json_writer *w, const void *context)
{
    const struct proven *p = context;
    sev_json_w_object(w);
    sev_json_w_integer_member(w, "index", (int64_t)p->index);
    if (sev_json_check(p->leaf, (struct sev_json_scratch){NULL, 0}, NULL, NULL) == SEV_OK) {
        sev_json_w_name(w, SEV_LIT("leaf"));
        sev_json_w_raw(w, p->leaf);
    }
    sev_json_w_string_member(w, "origin", p->head->checkpoint.origin);
    sev_json_w_integer_member(w, "size", (int64_t)p->head->checkpoint.size);
    sev_json_w_integer_member(w, "witnesses", p->head->witnesses);
    sev_json_w_object_end(w);
}

static int tell_proven(struct cli *c, const struct proven *p)
{
    if (cli_json(c))
        return cli_print_json(c, emit_proven, p);
    cli_print(c, "leaf %llu of %llu of ", (unsigned long long)p->index,
              (unsigned long long)p->head->checkpoint.size);
    cli_print_text(c, p->head->checkpoint.origin);
    cli_print(c, ", cosigned by %u:\n", p->head->witnesses);
    cli_print_text(c, p->leaf);
    cli_print(c, "\n");
    return 0;
}

static int write_proof(struct audit_reader *r, const struct audit_head *head,
                       const struct wanted *w)
{
    struct sev_tlog_kept kept = {.index = w->index, .note = sev_bytes_slice(&head->note)};
    const char *path = cli_opt(r->cli, "out");
    struct sev_tlog_source source = audit_source(r, head->checkpoint.size);
    uint8_t hash[SEV_SHA256_BYTES];
    struct sev_bytes room = {NULL, 0};
    sev_merkle_leaf(w->leaf, hash);
    sev_err e = sev_tlog_prove_leaf(&source, w->index, &kept.proof);
    if (e == SEV_OK)
        e = sev_tlog_check_leaf(&kept.proof, hash, w->index, &head->checkpoint);
    if (e != SEV_OK)
        return audit_fail(r, e);
    e = sev_bytes_new(cli_fs(r->cli), head->note.len + SEV_TLOG_UPDATE_BYTES_MAX + 4096, &room);
    if (e != SEV_OK)
        return cli_fail(r->cli, e, NULL, "proof");
    sev_buf b = sev_buf_of(room.ptr, room.len);
    sev_tlog_kept_write(&kept, w->leaf, &b);
    e = sev_file_replace(cli_fs(r->cli), path, sev_buf_slice(&b), 0644);
    sev_bytes_free(cli_fs(r->cli), &room);
    struct proven proven = {head, w->index, w->leaf};
    return e == SEV_OK ? tell_proven(r->cli, &proven) : cli_fail_fs(r->cli, e, NULL);
}

static int prove(struct audit_reader *r)
{
    struct cli *c = r->cli;
    struct wanted w = {.by_vehicle = cli_opt(c, "vehicle") != NULL,
                       .what = text_of(cli_opt(c, "what"))};
    struct audit_head head = {.witnesses = 0};
    int code = w.by_vehicle ? pseudonym_of(c, w.subject)
                            : cli_opt_integer(c, "index", 0, (uint64_t)1 << 40, &w.index);
    if (code == 0)
        code = audit_fetch_head(r, &head);
    if (code == 0) {
        sev_err e = w.by_vehicle ? audit_walk(r, NULL, &head.checkpoint, look, &w)
                                 : fetch_leaf(r, &head, &w);
        if (e == SEV_OK && !w.found)
            code = cli_fail(c, SEV_E_NOT_FOUND, NULL, "no such leaf of that vehicle");
        else
            code = e == SEV_OK ? write_proof(r, &head, &w) : audit_fail(r, e);
    }
    audit_head_free(c, &head);
    return code;
}

/* Offline: of the file, and of the keys that we have. */
static int check_proof(struct audit_reader *r, const char *path)
{
    struct cli *c = r->cli;
    struct sev_bytes file = {NULL, 0}, note = {NULL, 0};
    struct audit_head head = {.witnesses = 0};
    struct sev_tlog_kept kept;
    struct sev_audit_leaf leaf;
    uint8_t room[SEV_AUDIT_LEAF_BYTES_MAX], hash[SEV_SHA256_BYTES];
    char subject[SEV_AUDIT_PSEUDONYM_CHARS];
    sev_buf bytes = sev_buf_of(room, sizeof room);
    sev_err e = sev_file_read(cli_fs(c), path, NOTE_BYTES_MAX + 8192, 0, &file);
    if (e != SEV_OK)
        return cli_fail_fs(c, e, NULL);
    e = sev_tlog_kept_parse(sev_bytes_slice(&file), &kept);
    if (e == SEV_OK)
        e = sev_base64_decode(kept.leaf_base64, &bytes);
    if (e == SEV_OK && bytes.len == 0)
        e = SEV_E_NOTE; /* of what, is not said */
    if (e == SEV_OK)
        e = sev_bytes_new(cli_fs(c), kept.note.len, &note);
    if (e == SEV_OK) {
        memcpy(note.ptr, kept.note.ptr, kept.note.len);
        e = audit_judge(r, &note, &head);
    }
    if (e == SEV_OK) {
        sev_merkle_leaf(sev_buf_slice(&bytes), hash);
        e = sev_tlog_check_leaf(&kept.proof, hash, kept.index, &head.checkpoint);
    }
    int code = e == SEV_OK ? 0 : cli_fail(c, e, NULL, "%s", path);
    if (code == 0 && cli_opt(c, "vehicle") != NULL) {
        code = pseudonym_of(c, subject);
        if (code == 0 && (sev_audit_leaf_parse(sev_buf_slice(&bytes), &leaf) != SEV_OK ||
                          memcmp(subject, leaf.subject, sizeof subject) != 0))
            code = cli_fail(c, SEV_E_WRONG_VEHICLE, NULL, "%s", path);
    }
    struct proven proven = {&head, kept.index, sev_buf_slice(&bytes)};
    if (code == 0)
        code = tell_proven(c, &proven);
    audit_head_free(c, &head);
    sev_bytes_free(cli_fs(c), &file);
    return code;
}

static int run_prove(struct cli *c)
{
    struct audit_reader r;
    const char *check = cli_opt(c, "check");
    bool asked = cli_opt(c, "index") != NULL || cli_opt(c, "vehicle") != NULL;
    if (check == NULL && (!asked || cli_opt(c, "out") == NULL))
        return cli_usage(c, "--index N or --vehicle ID says what to prove, --out FILE where to; or "
                            "--check FILE");
    int code = audit_open(c, check == NULL, &r);
    if (code == 0)
        code = check == NULL ? prove(&r) : check_proof(&r, check);
    audit_close(&r);
    return code;
}

/* ----------------------------------------------------------------------- tail */

struct tail {
    struct audit_reader *r;
    uint64_t shown, count; /* 0: no end */
};

/* At once, a line each: whoever follows a log does not wait for its end. */
static bool show(void *context, uint64_t index, sev_slice leaf)
{
    struct tail *t = context;
    struct cli_text line = {NULL, 0, 0, false};
    if (cli_json(t->r->cli)) { /* it is canonical JSON: the walk has seen that */
        cli_text_printf(&line, "{\"index\":%llu,\"leaf\":", (unsigned long long)index);
        cli_text_put(&line, leaf.ptr, leaf.len);
        cli_text_put(&line, "}\n", 2);
    } else {
        cli_text_printf(&line, "%llu ", (unsigned long long)index);
        cli_text_put_safe(&line, leaf);
        cli_text_put(&line, "\n", 1);
    }
    bool written =
        !line.failed && fwrite(line.ptr, 1, line.len, stdout) == line.len && fflush(stdout) == 0;
    cli_text_free(&line);
    t->shown++;
    return written && (t->count == 0 || t->shown < t->count);
}

static int follow(struct tail *t, struct audit_head *old)
{
    struct timespec pause = {1, 0};
    for (;;) {
        struct audit_head head = {.witnesses = 0};
        int code = audit_fetch_head(t->r, &head);
        if (code != 0)
            return code;
        if (head.checkpoint.size != old->checkpoint.size ||
            memcmp(head.checkpoint.root, old->checkpoint.root, SEV_SHA256_BYTES) != 0) {
            sev_err e = audit_walk(t->r, &old->checkpoint, &head.checkpoint, show, t);
            code = e == SEV_OK ? store_state(t->r, &head) : audit_fail(t->r, e);
        }
        audit_head_free(t->r->cli, old);
        *old = head;
        if (code != 0 || (t->count != 0 && t->shown >= t->count))
            return code;
        nanosleep(&pause, NULL);
    }
}

static int run_tail(struct cli *c)
{
    struct audit_reader r;
    struct tail t = {.r = &r};
    struct audit_head old = {.witnesses = 0};
    bool there = false;
    int code = cli_opt_integer(c, "count", 1, SEV_JSON_INT_MAX, &t.count);
    if (code != 0)
        return code;
    code = audit_open(c, true, &r);
    if (code == 0)
        code = load_state(&r, &old, &there);
    if (code == 0 && !there) {
        code = audit_fetch_head(&r, &old);
        if (code == 0) {
            sev_err e =
                audit_walk(&r, NULL, &old.checkpoint, cli_flag(c, "from-start") ? show : NULL, &t);
            code = e == SEV_OK ? store_state(&r, &old) : audit_fail(&r, e);
        }
    }
    if (code == 0 && (t.count == 0 || t.shown < t.count))
        code = follow(&t, &old);
    audit_head_free(c, &old);
    audit_close(&r);
    return code;
}

/* -------------------------------------------------------------------- witness */

struct cosigned {
    const struct audit_head *head;
    sev_slice name;
    uint64_t time;
    sev_slice line;
};

static void emit_cosigned(sev_json_writer *w, const void *context)
{
    const struct cosigned *s = context;
    char when[20];
    sev_buf b = sev_buf_of(when, sizeof when);
    sev_time_format((sev_time)s->time, &b);
    sev_json_w_object(w);
    sev_json_w_string_member(w, "cosignature", s->line);
    sev_json_w_integer_member(w, "size", (int64_t)s->head->checkpoint.size);
    sev_json_w_string_member(w, "time", sev_buf_slice(&b));
    sev_json_w_string_member(w, "witness", s->name);
    sev_json_w_object_end(w);
}

static sev_err ask(struct sev_http_client *client, sev_slice body, sev_buf *room,
                   struct sev_http_answer *out)
{
    struct sev_http_ask request = {.method = SEV_HTTP_POST,
                                   .target = "/add-checkpoint",
                                   .type = "text/plain",
                                   .body = body,
                                   .repeatable = true,
                                   .room = room};
    return sev_http_client_ask(client, &request, out);
}

/* Its size where it was asked from another one. */
static bool its_size(const struct sev_http_answer *answer, uint64_t *out)
{
    return answer->status == 409 && answer->body.len > 1 &&
           answer->body.ptr[answer->body.len - 1] == '\n' &&
           sev_decimal_parse(sev_slice_sub(answer->body, 0, answer->body.len - 1), out) == SEV_OK;
}

static int ask_witness(struct audit_reader *r, const struct audit_head *head,
                       struct sev_http_client *client, sev_buf *room, sev_buf *body)
{
    const char *url = cli_opt(r->cli, "witness-server");
    struct sev_tlog_update update = {.note = sev_bytes_slice(&head->note)};
    struct sev_tlog_source source = audit_source(r, head->checkpoint.size);
    struct sev_http_answer answer;
    struct sev_note note, lines;
    sev_err e = SEV_OK;
    for (int i = 0; i < 2; i++) {
        e = sev_tlog_prove_growth(&source, update.old_size, &update.proof);
        if (e == SEV_E_NOT_FOUND)
            return cli_fail(
                r->cli, SEV_E_LOG_FORK, NULL, "%s cosigned %llu leaves, the log shows %llu", url,
                (unsigned long long)update.old_size, (unsigned long long)head->checkpoint.size);
        if (e != SEV_OK)
            return audit_fail(r, e);
        body->len = 0;
        sev_tlog_update_write(&update, body);
        e = ask(client, sev_buf_slice(body), room, &answer);
        if (e != SEV_OK)
            return server_fail(r->cli, client, url, e);
        if (!its_size(&answer, &update.old_size))
            break;
    }
    if (answer.status == 409 || answer.status == 422)
        return cli_fail(r->cli, SEV_E_LOG_FORK, "keep both checkpoints: they prove it",
                        "%s has seen another history of this log", url);
    if (answer.status != 200)
        return server_refused(r->cli, &answer, url);
    struct cosigned s = {.head = head, .name = r->trust.witnesses[0].name, .line = answer.body};
    e = sev_note_parse(sev_bytes_slice(&head->note), &note);
    if (e == SEV_OK)
        e = sev_note_parse_lines(note.text, answer.body, &lines);
    if (e == SEV_OK)
        e = sev_note_verify(r->crypto, &lines, &r->trust.witnesses[0], &s.time);
    if (e != SEV_OK)
        return cli_fail(r->cli, e, NULL, "%s", url);
    if (cli_json(r->cli))
        return cli_print_json(r->cli, emit_cosigned, &s);
    cli_print_text(r->cli, s.name);
    cli_print(r->cli, " cosigned %llu leaves\n", (unsigned long long)head->checkpoint.size);
    return 0;
}

static int run_witness(struct cli *c)
{
    struct audit_reader r;
    struct audit_head head = {.witnesses = 0};
    struct sev_http_client *client = NULL;
    struct sev_bytes memory = {NULL, 0};
    int code = audit_open(c, true, &r);
    if (code == 0 && r.trust.witness_count != 1)
        code = cli_usage(c, "--witness is the key of the one that is asked");
    r.trust.threshold = 0; /* that is what it is asked for */
    if (code == 0)
        code = audit_fetch_head(&r, &head);
    if (code == 0) {
        struct server_access access = {.url = cli_opt(c, "witness-server"),
                                       .ca = cli_opt(c, "ca"),
                                       .certificate = cli_opt(c, "certificate"),
                                       .key = cli_opt(c, "key")};
        code = server_open(c, &access, &client);
    }
    if (code == 0 && sev_bytes_new(cli_fs(c), 2 * NOTE_BYTES_MAX, &memory) != SEV_OK)
        code = cli_fail(c, SEV_E_MEMORY, NULL, "audit");
    if (code == 0) {
        sev_buf room = sev_buf_of(memory.ptr, 8192);
        sev_buf body = sev_buf_of(memory.ptr + 8192, memory.len - 8192);
        code = ask_witness(&r, &head, client, &room, &body);
    }
    sev_bytes_free(cli_fs(c), &memory);
    sev_http_client_free(client);
    audit_head_free(c, &head);
    audit_close(&r);
    return code;
}

/* -------------------------------------------------------------------- tables */

static const struct cli_option key_options[] = {{.name = "name",
                                                 .value = "NAME",
                                                 .flags = CLI_REQUIRED,
                                                 .help = "the log's origin, or the witness's name"},
                                                {.name = "cosigner", .help = "of a witness"},
                                                {0}};
static const struct cli_positional key_arguments[] = {
    {.name = "FILE", .help = "its public key, exported", .flags = CLI_REQUIRED}, {0}};
static const struct cli_option verify_options[] = {
    AUDIT_SERVER_OPTIONS,
    AUDIT_TRUST_OPTIONS,
    {.name = "state",
     .value = "FILE",
     .help = "the checkpoint that was verified last; made where absent, and replaced"},
    {.name = "full", .help = "read everything again, not only what is new"},
    {0}};
static const struct cli_option prove_options[] = {
    AUDIT_SERVER_OPTIONS,
    AUDIT_TRUST_OPTIONS,
    {.name = "index", .value = "N", .help = "the leaf of that number"},
    {.name = "vehicle", .value = "ID", .help = "or the newest of that vehicle"},
    {.name = "salt-file", .value = "FILE", .help = "what makes pseudonyms, for --vehicle"},
    {.name = "what", .value = "WORD", .help = "of it the newest of that kind, such as assign"},
    {.name = "out", .value = "FILE", .help = "the proof, which anybody can check"},
    {.name = "check", .value = "FILE", .help = "check such a proof; no server is asked"},
    {0}};
static const struct cli_option tail_options[] = {
    AUDIT_SERVER_OPTIONS,
    AUDIT_TRUST_OPTIONS,
    {.name = "state", .value = "FILE", .help = "go on from there, and keep it up to date"},
    {.name = "from-start", .help = "show what is there already, too"},
    {.name = "count", .value = "N", .help = "end after so many leaves"},
    {0}};
static const struct cli_option witness_options[] = {AUDIT_SERVER_OPTIONS,
                                                    AUDIT_TRUST_OPTIONS,
                                                    {.name = "witness-server",
                                                     .value = "URL",
                                                     .flags = CLI_REQUIRED,
                                                     .help = "the witness, as https://HOST:PORT"},
                                                    {0}};

static const struct cli_command subcommands[] = {
    {.name = "key",
     .summary = "Write the verifier key of a log or a witness",
     .options = key_options,
     .positionals = key_arguments,
     .run = run_key},
    {.name = "verify",
     .summary = "Verify a log: every leaf and tile, signatures, and that it only grew",
     .options = verify_options,
     .run = run_verify},
    {.name = "prove",
     .summary = "Prove that something is in the log, or check such a proof",
     .options = prove_options,
     .run = run_prove},
    {.name = "tail",
     .summary = "Follow a log: each new leaf, once it is verified",
     .options = tail_options,
     .run = run_tail},
    {.name = "witness",
     .summary = "Ask a witness whether it has seen this very log",
     .options = witness_options,
     .run = run_witness},
    {0}};

static const struct cli_example examples[] = {
    {"Verify a log and remember what was seen",
     "secureev audit verify --server https://log.example:8003 --ca ca.pem \\\n"
     "  --certificate me.pem --key me.key --log-key log.example/ev+... \\\n"
     "  --witness w1.example+... --state log.state"},
    {"Prove that a vehicle was assigned something, and check it elsewhere",
     "secureev audit prove --server https://log.example:8003 --ca ca.pem \\\n"
     "  --certificate me.pem --key me.key --log-key log.example/ev+... \\\n"
     "  --vehicle car-1 --salt-file salt --what assign --out car-1.tlog-proof\n"
     "secureev audit prove --log-key log.example/ev+... --check car-1.tlog-proof"},
    {0}};

const struct cli_command cmd_audit = {
    .name = "audit",
    .summary = "Verify the audit log, prove what is in it, follow it",
    .details =
        "A log is believed by its key and by the witnesses that you name, not by its server. "
        "What was changed, is missing or was shown otherwise to somebody else has a name: "
        "log_tile, log_proof, log_fork, witnesses_missing.",
    .examples = examples,
    .subcommands = subcommands};
