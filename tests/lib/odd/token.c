/* token - a PKCS#11 module for tests: SoftHSM, but odd in the way that a file says ($ODD_TOKEN, one
 * word); each C_Login adds a byte to $ODD_TOKEN.logins.  SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST soft, odd;

/* Words: "gone" no token is there; "lost" each session ends when it is to sign, once; "out" we are
 * logged out, once; "last" one try is left; "lies" signatures are wrong; "open" keys can be read
 * out; "deaf" signing fails; "pin" no PIN is right. */
static bool is(const char *word)
{
    char text[16] = "";
    const char *path = getenv("ODD_TOKEN");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 && strcmp(text, word) == 0;
}

static void be_good_again(void)
{
    const char *path = getenv("ODD_TOKEN");
    if (path != NULL)
        (void)!truncate(path, 0);
}

/* SoftHSM 2.6 loses some bytes for each use of an Edwards key: nothing for a leak checker of ours.
 */
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);
static void begin_leaking(void)
{
    if (__lsan_disable != NULL)
        __lsan_disable();
}
static void end_leaking(void)
{
    if (__lsan_enable != NULL)
        __lsan_enable();
}

static CK_RV slots(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    if (!is("gone"))
        return soft.C_GetSlotList(present, list, count);
    *count = 0;
    return CKR_OK;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = soft.C_GetTokenInfo(slot, info);
    if (is("last"))
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    char path[4200];
    snprintf(path, sizeof path, "%s.logins", getenv("ODD_TOKEN"));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)!write(fd, ".", 1);
        close(fd);
    }
    if (is("pin"))
        return CKR_PIN_INCORRECT;
    return soft.C_Login(session, user, pin, len);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_OBJECT_HANDLE key)
{
    if (is("gone")) {
        CK_SESSION_INFO info;
        if (soft.C_GetSessionInfo(session, &info) == CKR_OK)
            (void)soft.C_CloseAllSessions(info.slotID);
        return CKR_DEVICE_REMOVED;
    }
    if (is("deaf"))
        return CKR_FUNCTION_FAILED;
    if (is("lost")) {
        be_good_again();
        (void)soft.C_CloseSession(session);
    } else if (is("out")) {
        be_good_again();
        (void)soft.C_Logout(session);
    }
    begin_leaking();
    CK_RV rv = soft.C_SignInit(session, how, key);
    end_leaking();
    return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *out,
                  CK_ULONG *len)
{
    begin_leaking();
    CK_RV rv = soft.C_Sign(session, data, data_len, out, len);
    end_leaking();
    if (rv == CKR_OK && is("lies"))
        out[0] ^= 1;
    return rv;
}

static CK_RV attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE *list,
                        CK_ULONG count)
{
    CK_RV rv = soft.C_GetAttributeValue(session, key, list, count);
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++)
        if (list[i].type == CKA_EXTRACTABLE && list[i].pValue != NULL && is("open"))
            *(CK_BBOOL *)list[i].pValue = CK_TRUE;
    return rv;
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM *how, CK_ATTRIBUTE *public_half,
                      CK_ULONG public_count, CK_ATTRIBUTE *private_half, CK_ULONG private_count,
                      CK_OBJECT_HANDLE *out_public, CK_OBJECT_HANDLE *out_private)
{
    begin_leaking();
    CK_RV rv = soft.C_GenerateKeyPair(session, how, public_half, public_count, private_half,
                                      private_count, out_public, out_private);
    end_leaking();
    return rv;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    static void *library;
    CK_FUNCTION_LIST *list = NULL;
    CK_C_GetFunctionList get = NULL;
    if (library == NULL)
        library = dlopen(getenv("SOFTHSM2_MODULE"), RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "C_GetFunctionList") : NULL;
    memcpy(&get, &symbol, sizeof get);
    if (get == NULL || get(&list) != CKR_OK)
        return CKR_GENERAL_ERROR;
    soft = odd = *list;
    odd.C_GetSlotList = slots;
    odd.C_GetTokenInfo = token_info;
    odd.C_Login = login;
    odd.C_SignInit = sign_init;
    odd.C_Sign = sign;
    odd.C_GenerateKeyPair = generate;
    odd.C_GetAttributeValue = attributes;
    odd.C_GetFunctionList = C_GetFunctionList;
    *out = &odd;
    return CKR_OK;
}
