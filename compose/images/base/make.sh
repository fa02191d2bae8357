#!/bin/sh
# Writes the root file system of a minimal Debian as a tarball to stdout, for machines that can reach Debian's
# packages but no image registry:
#
#     sh make.sh | docker import - gameday/base:trixie
#
# Needs root and one of mmdebstrap or debootstrap. The mirror is whatever the tool uses by default.
set -eu

suite=${1:-trixie}

# What no container here reads. The same list goes into the image's dpkg configuration, so that the packages
# that are installed on top of it stay small as well; copyright notices are kept.
excludes='/usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* /usr/share/lintian/*'
set -f
set --
for pattern in $excludes; do
    set -- "$@" "path-exclude=$pattern"
done
set -- "$@" 'path-include=/usr/share/doc/*/copyright'

# Packages must not start their daemons while an image is built; official Debian images carry the same file.
policy='echo "#!/bin/sh" >"$1/usr/sbin/policy-rc.d"; echo "exit 101" >>"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'

if command -v mmdebstrap >/dev/null; then
    for option; do
        set -- "$@" "--dpkgopt=$option"
        shift
    done
    exec mmdebstrap --variant=minbase --format=tar --aptopt='Acquire::Languages "none"' \
        --customize-hook="$policy" "$@" "$suite"
fi

if ! command -v debootstrap >/dev/null; then
    echo "make.sh: neither mmdebstrap nor debootstrap is installed" >&2
    exit 69
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase "$suite" "$root" >&2
printf '%s\n' "$@" >"$root/etc/dpkg/dpkg.cfg.d/slim"
echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/slim"
sh -c "$policy" policy "$root"
set +f
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/usr/share/lintian/* \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
tar -C "$root" --numeric-owner -cf - .
