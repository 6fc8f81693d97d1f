/* p256 - ECDSA verification: u1 G + u2 Q by one chain of doublings (Shamir's trick) over a table
 * of G, Q and G + Q. Everything here is public, so variable time is fine; do not sign with this.
 * SPDX-License-Identifier: MIT */
#include "p256.h"

#include "mod256.h"

/* x, y in Montgomery form; x = y = 0 (not on the curve) is the point at infinity. */
struct affine {
    uint32_t x[SEV_WORDS], y[SEV_WORDS];
};
/* (x / z^2, y / z^3) in Montgomery form; z = 0 is the point at infinity. */
struct jacobian {
    uint32_t x[SEV_WORDS], y[SEV_WORDS], z[SEV_WORDS];
};

static const struct sev_modulus field = {{0xffffffff, 0xffffffff, 0xffffffff, 0x00000000,
                                          0x00000000, 0x00000000, 0x00000001, 0xffffffff},
                                         {0x00000003, 0x00000000, 0xffffffff, 0xfffffffb,
                                          0xfffffffe, 0xffffffff, 0xfffffffd, 0x00000004},
                                         1};
static const struct sev_modulus order = {{0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad,
                                          0xffffffff, 0xffffffff, 0x00000000, 0xffffffff},
                                         {0xbe79eea2, 0x83244c95, 0x49bd6fa6, 0x4699799c,
                                          0x2b6bec59, 0x2845b239, 0xf3d95620, 0x66e12d94},
                                         0xee00bc4f};
/* In Montgomery form: 1, the curve's b, and the base point. */
static const uint32_t one[SEV_WORDS] = {0x00000001, 0x00000000, 0x00000000, 0xffffffff,
                                        0xffffffff, 0xffffffff, 0xfffffffe, 0x00000000};
static const uint32_t curve_b[SEV_WORDS] = {0x29c4bddf, 0xd89cdf62, 0x78843090, 0xacf005cd,
                                            0xf7212ed6, 0xe5a220ab, 0x04874834, 0xdc30061d};
static const struct affine base = {{0x18a9143c, 0x79e730d4, 0x5fedb601, 0x75ba95fc, 0x77622510,
                                    0x79fb732b, 0xa53755c6, 0x18905f76},
                                   {0xce95560a, 0xddf25357, 0xba19e45c, 0x8b4ab8e4, 0xdd21f325,
                                    0xd2e88688, 0x25885d85, 0x8571ff18}};

static void mul(uint32_t *r, const uint32_t *a, const uint32_t *b)
{
    sev_mod_mul(r, a, b, &field);
}

static void add(uint32_t *r, const uint32_t *a, const uint32_t *b)
{
    sev_mod_add(r, a, b, &field);
}

static void sub(uint32_t *r, const uint32_t *a, const uint32_t *b)
{
    sev_mod_sub(r, a, b, &field);
}

/* p = 2p, for a curve with a = -3. Infinity stays infinity (z = 2 y 0). No point of P-256 has
 * order 2, so y is never 0. */
static void point_double(struct jacobian *p)
{
    uint32_t a[SEV_WORDS], b[SEV_WORDS], c[SEV_WORDS];
    mul(a, p->z, p->z);
    sub(b, p->x, a);
    add(a, p->x, a);
    mul(a, a, b);
    add(b, a, a);
    add(a, a, b); /* a = 3 (x - z^2) (x + z^2) */
    mul(p->z, p->z, p->y);
    add(p->z, p->z, p->z); /* z' = 2 y z */
    mul(b, p->y, p->y);
    add(b, b, b); /* b = 2 y^2 */
    mul(c, p->x, b);
    add(c, c, c); /* c = 4 x y^2 */
    mul(p->x, a, a);
    sub(p->x, p->x, c);
    sub(p->x, p->x, c); /* x' = a^2 - 2 c */
    sub(c, c, p->x);
    mul(p->y, a, c);
    mul(b, b, b);
    add(b, b, b);
    sub(p->y, p->y, b); /* y' = a (c - x') - 8 y^4 */
}

static void set_affine(struct jacobian *p, const struct affine *q)
{
    memcpy(p->x, q->x, sizeof p->x);
    memcpy(p->y, q->y, sizeof p->y);
    memcpy(p->z, one, sizeof p->z);
}

static bool is_infinity(const struct affine *q)
{
    return sev_words_zero(q->x) && sev_words_zero(q->y);
}

/* p = p + q; false: they are the same point, and p stays as it is, to be doubled. Doubling from
 * here would take the stack of both. */
static bool add_other(struct jacobian *p, const struct affine *q)
{
    uint32_t h[SEV_WORDS], r[SEV_WORDS], t[SEV_WORDS];
    if (is_infinity(q))
        return true;
    if (sev_words_zero(p->z)) {
        set_affine(p, q);
        return true;
    }
    mul(t, p->z, p->z);
    mul(h, q->x, t);
    mul(t, t, p->z);
    mul(r, q->y, t);
    sub(h, h, p->x); /* h = x2 z^2 - x1 */
    sub(r, r, p->y); /* r = y2 z^3 - y1 */
    if (sev_words_zero(h) && sev_words_zero(r))
        return false;
    mul(p->z, p->z, h); /* opposite points: h = 0, so z' = 0 */
    mul(t, h, h);
    mul(h, h, t);       /* h^3 */
    mul(t, t, p->x);    /* x1 h^2 */
    mul(p->y, p->y, h); /* y1 h^3 */
    mul(p->x, r, r);
    sub(p->x, p->x, h);
    sub(p->x, p->x, t);
    sub(p->x, p->x, t); /* x' = r^2 - h^3 - 2 x1 h^2 */
    sub(t, t, p->x);
    mul(t, t, r);
    sub(p->y, t, p->y); /* y' = r (x1 h^2 - x') - y1 h^3 */
    return true;
}

/* p = p + q. A hostile key may be chosen so that the two are equal, opposite or infinity on the
 * way: every case gives the right sum. */
static void point_add(struct jacobian *p, const struct affine *q)
{
    if (!add_other(p, q))
        point_double(p);
}

/* Infinity becomes 0, 0, because the inverse of 0 comes out as 0. */
static void to_affine(struct affine *r, const struct jacobian *p)
{
    sev_mod_inverse(r->x, p->z, &field);
    mul(r->y, p->y, r->x);
    mul(r->x, r->x, r->x); /* 1 / z^2 */
    mul(r->y, r->y, r->x);
    mul(r->x, p->x, r->x);
}

/* Coordinates below p, and y^2 = x^3 - 3x + b: off the curve a point may have small order, and a
 * signature under it be made up. `left` and `right` are room to compute in. REQ-A02, REQ-H33 */
static bool load_point(struct affine *q, const uint8_t point[64], uint32_t *left, uint32_t *right)
{
    sev_words_load(q->x, point, 32);
    sev_words_load(q->y, point + 32, 32);
    if (!sev_words_less(q->x, field.m) || !sev_words_less(q->y, field.m))
        return false;
    mul(q->x, q->x, field.r2);
    mul(q->y, q->y, field.r2);
    mul(left, q->y, q->y);
    mul(right, q->x, q->x);
    sub(right, right, one);
    sub(right, right, one);
    sub(right, right, one);
    mul(right, right, q->x);
    add(right, right, curve_b);
    return sev_words_equal(left, right);
}

/* p = u1 G + u2 Q */
static void multiply(struct jacobian *p, const uint32_t *u1, const uint32_t *u2,
                     const struct affine *q)
{
    struct affine both; /* G + Q */
    set_affine(p, q);
    point_add(p, &base);
    to_affine(&both, p);
    memset(p, 0, sizeof *p);
    for (int i = 255; i >= 0; i--) {
        point_double(p);
        bool with_base = u1[i / 32] >> i % 32 & 1, with_q = u2[i / 32] >> i % 32 & 1;
        if (with_base || with_q)
            point_add(p, !with_q ? &base : with_base ? &both : q);
    }
}

/* Is the x of p, taken modulo n, equal to r? Compared as r z^2 = x, without inverting z. The x is
 * below p, a little above n, so r + n stands for the same residue where it is below p. Uses up both
 * p and r: each number is 32 bytes of stack. */
static bool x_is(struct jacobian *p, uint32_t *r)
{
    if (sev_words_zero(p->z))
        return false;
    mul(p->z, p->z, p->z);
    do {
        mul(p->y, r, field.r2);
        mul(p->y, p->y, p->z);
        if (sev_words_equal(p->y, p->x))
            return true;
    } while (sev_words_add(r, r, order.m) == 0 && sev_words_less(r, field.m));
    return false;
}

static bool load_scalar(uint32_t *out, sev_slice bytes)
{
    sev_words_load(out, bytes.ptr, bytes.len);
    return !sev_words_zero(out) && sev_words_less(out, order.m);
}

sev_err sev_p256_verify(const uint8_t point[64], const uint8_t digest[32], sev_slice sig)
{
    struct affine q;
    struct jacobian p;
    uint32_t u1[SEV_WORDS], u2[SEV_WORDS];
    sev_slice r, s;
    if (!load_point(&q, point, p.x, p.y))
        return SEV_E_KEY;
    if (!sev_ecdsa_sig_decode(sig, &r, &s) || !load_scalar(u2, r) || !load_scalar(u1, s))
        return SEV_E_SIGNATURE;
    sev_mod_mul(u1, u1, order.r2, &order);
    sev_mod_inverse(u1, u1, &order); /* 1/s in Montgomery form: products with it are plain */
    sev_mod_mul(u2, u2, u1, &order);
    sev_words_load(p.x, digest, 32); /* not reduced: see sev_mod_mul */
    sev_mod_mul(u1, p.x, u1, &order);
    multiply(&p, u1, u2, &q);
    sev_words_load(u1, r.ptr, r.len);
    return x_is(&p, u1) ? SEV_OK : SEV_E_SIGNATURE;
}
