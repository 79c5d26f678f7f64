/* See host_traits.h. */
#include "compute/build/host_traits.h"

#include <string.h>

#include "gateway/base/err.h"
#include "gateway/base/text.h"

static const char status_disabled[] = "COMPUTE_STATUS_DISABLED";
static const char hyperthreading[] = "HW_CPU_HYPERTHREADING";

/* What every host of ours does. */
static const char *const always[] = {
    "COMPUTE_NODE",           "COMPUTE_IMAGE_TYPE_AKI",   "COMPUTE_IMAGE_TYPE_AMI", "COMPUTE_IMAGE_TYPE_ARI",
    "COMPUTE_IMAGE_TYPE_ISO", "COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_STORAGE_BUS_VIRTIO",
};

struct pair {
    const char *ours; /* as libvirt says it */
    const char *trait;
};

static const struct pair architectures[] = {
    {"aarch64", "COMPUTE_ARCH_AARCH64"}, {"mipsel", "COMPUTE_ARCH_MIPSEL"}, {"ppc64le", "COMPUTE_ARCH_PPC64LE"},
    {"riscv64", "COMPUTE_ARCH_RISCV64"}, {"s390x", "COMPUTE_ARCH_S390X"},   {"x86_64", "COMPUTE_ARCH_X86_64"},
    {"x86_64", "COMPUTE_FIRMWARE_BIOS"}, {"i686", "COMPUTE_FIRMWARE_BIOS"},
};

/* libvirt's names of x86 features (its cpu_map). */
static const struct pair features[] = {
    {"3dnow", "HW_CPU_X86_3DNOW"},
    {"abm", "HW_CPU_X86_ABM"},
    {"aes", "HW_CPU_X86_AESNI"},
    {"amd-no-ssb", "HW_CPU_X86_AMD_NO_SSB"},
    {"amd-ssbd", "HW_CPU_X86_AMD_SSBD"},
    {"avx", "HW_CPU_X86_AVX"},
    {"avx2", "HW_CPU_X86_AVX2"},
    {"avx512-vpopcntdq", "HW_CPU_X86_AVX512VPOPCNTDQ"},
    {"avx512bitalg", "HW_CPU_X86_AVX512BITALG"},
    {"avx512bw", "HW_CPU_X86_AVX512BW"},
    {"avx512cd", "HW_CPU_X86_AVX512CD"},
    {"avx512dq", "HW_CPU_X86_AVX512DQ"},
    {"avx512er", "HW_CPU_X86_AVX512ER"},
    {"avx512f", "HW_CPU_X86_AVX512F"},
    {"avx512ifma", "HW_CPU_X86_AVX512IFMA"},
    {"avx512pf", "HW_CPU_X86_AVX512PF"},
    {"avx512vbmi", "HW_CPU_X86_AVX512VBMI"},
    {"avx512vbmi2", "HW_CPU_X86_AVX512VBMI2"},
    {"avx512vl", "HW_CPU_X86_AVX512VL"},
    {"avx512vnni", "HW_CPU_X86_AVX512VNNI"},
    {"bmi1", "HW_CPU_X86_BMI"},
    {"bmi2", "HW_CPU_X86_BMI2"},
    {"f16c", "HW_CPU_X86_F16C"},
    {"fma", "HW_CPU_X86_FMA3"},
    {"fma4", "HW_CPU_X86_FMA4"},
    {"gfni", "HW_CPU_X86_AVX512GFNI"},
    {"ibpb", "HW_CPU_X86_AMD_IBPB"},
    {"md-clear", "HW_CPU_X86_INTEL_MD_CLEAR"},
    {"mmx", "HW_CPU_X86_MMX"},
    {"mpx", "HW_CPU_X86_MPX"},
    {"pcid", "HW_CPU_X86_INTEL_PCID"},
    {"pclmuldq", "HW_CPU_X86_CLMUL"},
    {"pdpe1gb", "HW_CPU_X86_PDPE1GB"},
    {"pni", "HW_CPU_X86_SSE3"},
    {"rtm", "HW_CPU_X86_TSX"},
    {"sha-ni", "HW_CPU_X86_SHA"},
    {"spec-ctrl", "HW_CPU_X86_INTEL_SPEC_CTRL"},
    {"ssbd", "HW_CPU_X86_INTEL_SSBD"},
    {"sse", "HW_CPU_X86_SSE"},
    {"sse2", "HW_CPU_X86_SSE2"},
    {"sse4.1", "HW_CPU_X86_SSE41"},
    {"sse4.2", "HW_CPU_X86_SSE42"},
    {"sse4a", "HW_CPU_X86_SSE4A"},
    {"ssse3", "HW_CPU_X86_SSSE3"},
    {"stibp", "HW_CPU_X86_STIBP"},
    {"svm", "HW_CPU_X86_AMD_SVM"},
    {"svm", "HW_CPU_X86_SVM"},
    {"tbm", "HW_CPU_X86_TBM"},
    {"vaes", "HW_CPU_X86_AVX512VAES"},
    {"virt-ssbd", "HW_CPU_X86_AMD_VIRT_SSBD"},
    {"vmx", "HW_CPU_X86_INTEL_VMX"},
    {"vmx", "HW_CPU_X86_VMX"},
    {"vpclmulqdq", "HW_CPU_X86_AVX512VPCLMULQDQ"},
    {"xop", "HW_CPU_X86_XOP"},
};

/* Of QEMU's default x86_64 CPU: what a guest without KVM sees. */
static const char *const plain_features[] = {"mmx", "pni", "sse", "sse2"};

#define MOST_TRAITS (ARRAY_LEN(always) + ARRAY_LEN(architectures) + ARRAY_LEN(features) + 2)

struct collected {
    const char **items;
    size_t count;
};

static void collect(struct collected *out, const char *trait)
{
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->items[i], trait) == 0)
            return;
    }
    out->items[out->count++] = trait;
}

static void collect_pairs(struct collected *out, const struct pair *pairs, size_t count, const char *ours)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].ours, ours) == 0)
            collect(out, pairs[i].trait);
    }
}

static const char *text_of(const json_t *inventory, const char *key)
{
    const char *text = json_string_value(json_object_get(inventory, key));
    return text ? text : "";
}

static void collect_features(struct collected *out, const json_t *inventory)
{
    const json_t *seen = json_object_get(inventory, "cpu_features");
    const json_t *feature = NULL;
    size_t at = 0;
    if (json_is_true(json_object_get(inventory, "kvm"))) {
        json_array_foreach(seen, at, feature)
        {
            if (json_is_string(feature))
                collect_pairs(out, features, ARRAY_LEN(features), json_string_value(feature));
        }
    } else if (str_equal(text_of(inventory, "driver"), "QEMU") && str_equal(text_of(inventory, "arch"), "x86_64")) {
        for (size_t i = 0; i < ARRAY_LEN(plain_features); i++)
            collect_pairs(out, features, ARRAY_LEN(features), plain_features[i]);
    }
}

struct host_traits host_traits_of(struct arena *arena, const json_t *inventory, bool disabled)
{
    struct collected out = {arena_alloc(arena, MOST_TRAITS * sizeof(*out.items)), 0};
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        collect(&out, always[i]);
    collect_pairs(&out, architectures, ARRAY_LEN(architectures), text_of(inventory, "arch"));
    collect_features(&out, inventory);
    if (json_integer_value(json_object_get(inventory, "threads")) > 1)
        collect(&out, hyperthreading);
    if (disabled)
        collect(&out, status_disabled);
    return (struct host_traits){out.items, out.count};
}

struct host_traits host_traits_owned(struct arena *arena)
{
    struct collected out = {arena_alloc(arena, MOST_TRAITS * sizeof(*out.items)), 0};
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        collect(&out, always[i]);
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++)
        collect(&out, architectures[i].trait);
    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        collect(&out, features[i].trait);
    collect(&out, hyperthreading);
    collect(&out, status_disabled);
    return (struct host_traits){out.items, out.count};
}
