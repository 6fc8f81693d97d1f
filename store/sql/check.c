/* check - what callers hand over must fit: nothing longer than limits.h says reaches the database,
 * whoever forgot to look. SPDX-License-Identifier: MIT */
#include "internal.h"

static bool id_fits(sev_slice id)
{
    return id.len > 0 && id.len <= SEV_ID_BYTES_MAX;
}

static bool text_fits(sev_slice text)
{
    return text.len <= SEV_ID_BYTES_MAX;
}

static bool number_fits(int64_t n)
{
    return n >= 0 && n <= SEV_JSON_INT_MAX;
}

static sev_err verdict(bool fits)
{
    return fits ? SEV_OK : SEV_E_MALFORMED;
}

sev_err sev_store_check_id(sev_slice id)
{
    return verdict(id_fits(id));
}

sev_err sev_store_check_decision(const struct sev_decision *d)
{
    return verdict(d == NULL || (number_fits(d->time) && text_fits(d->actor) && id_fits(d->what) &&
                                 d->reason.len <= SEV_MESSAGE_BYTES_MAX));
}

sev_err sev_store_check_vehicle(const struct sev_vehicle *v)
{
    return verdict(id_fits(v->id) && text_fits(v->vin) && text_fits(v->model) &&
                   (v->profile == SEV_PROFILE_NATIVE || v->profile == SEV_PROFILE_AKTUALIZR ||
                    v->profile == SEV_PROFILE_TUF));
}

sev_err sev_store_check_ecus(sev_slice primary, const struct sev_ecu *ecus, uint32_t count)
{
    if (count == 0 || count > SEV_STORE_ECUS_MAX)
        return SEV_E_MALFORMED;
    bool primary_there = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct sev_ecu *ecu = &ecus[i];
        if (!id_fits(ecu->serial) || !text_fits(ecu->hardware_id) ||
            ecu->key.len > sizeof ecu->key.material || ecu->key.type > SEV_KEY_X25519)
            return SEV_E_MALFORMED;
        for (uint32_t j = 0; j < i; j++)
            if (sev_slice_eq(ecus[j].serial, ecu->serial))
                return SEV_E_DUPLICATE_ECU;
        primary_there = primary_there || sev_slice_eq(ecu->serial, primary);
    }
    return primary_there ? SEV_OK : SEV_E_FOREIGN_ECU;
}

static bool ecu_news_fit(const struct sev_ecu_news *n)
{
    return id_fits(n->serial) && number_fits(n->expected_counter) && number_fits(n->counter) &&
           n->counter >= n->expected_counter && n->installed.name.len <= SEV_NAME_BYTES_MAX &&
           number_fits(n->installed.length) && number_fits(n->installed.release_counter) &&
           number_fits(n->boot_count) && n->report.len <= SEV_MANIFEST_BYTES_MAX;
}

sev_err sev_store_check_status(const struct sev_status_news *n)
{
    bool fits = id_fits(n->vehicle) && number_fits(n->expected_counter) &&
                number_fits(n->counter) && n->counter >= n->expected_counter &&
                number_fits(n->seen) && n->ecu_count <= SEV_STORE_ECUS_MAX;
    for (uint32_t i = 0; fits && i < n->ecu_count; i++) {
        fits = ecu_news_fit(&n->ecus[i]);
        for (uint32_t j = 0; fits && j < i; j++)
            if (sev_slice_eq(n->ecus[j].serial, n->ecus[i].serial))
                return SEV_E_DUPLICATE_ECU;
    }
    return verdict(fits);
}

sev_err sev_store_check_assignment(const struct sev_assignment *a)
{
    return verdict(id_fits(a->vehicle) && a->version > 0 && number_fits(a->version) &&
                   text_fits(a->bundle_id) && text_fits(a->correlation_id) &&
                   a->targets.len <= SEV_DIRECTOR_TARGETS_BYTES_MAX &&
                   a->groups.len <= SEV_DIRECTOR_TARGETS_BYTES_MAX);
}

sev_err sev_store_check_files(const int64_t expected[SEV_STORE_ROLES], const struct sev_issued *f,
                              int64_t status_version)
{
    static const size_t bytes_max[SEV_STORE_ROLES] = {
        [SEV_STORE_TARGETS] = SEV_DIRECTOR_TARGETS_BYTES_MAX,
        [SEV_STORE_SNAPSHOT] = SEV_SNAPSHOT_BYTES_MAX,
        [SEV_STORE_TIMESTAMP] = SEV_TIMESTAMP_BYTES_MAX,
    };
    bool fits = number_fits(status_version);
    for (int role = 0; fits && role < SEV_STORE_ROLES; role++) {
        const struct sev_stored_file *file = &f->files[role];
        fits = number_fits(expected[role]) && number_fits(file->version);
        if (fits && file->version != 0) /* a version is never used twice, and never goes back */
            fits = file->version > expected[role] && number_fits(file->expires) &&
                   number_fits(file->bundle_version) && file->bytes.len <= bytes_max[role];
    }
    return verdict(fits);
}
