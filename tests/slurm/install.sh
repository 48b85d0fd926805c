#!/bin/sh
# Installs what the tests on a real SLURM need. Says why and fails if that is not possible.
PATH=$PATH:/usr/sbin:/sbin
packages="slurmctld slurmd slurm-client munge"

missing() {
    for program in slurmctld slurmd sbatch srun munged; do
        command -v "$program" >/dev/null || return 0
    done
    return 1
}

cannot() {
    echo "test-slurm: NOT RUN: $1"
    exit 1
}

[ "$(id -u)" = 0 ] || cannot "the daemons of SLURM need root"
if missing; then
    command -v apt-get >/dev/null || cannot "SLURM is not installed, and there is no apt-get"
    export DEBIAN_FRONTEND=noninteractive
    # no daemon may start by itself during the installation
    [ -e /usr/sbin/policy-rc.d ] || { own=1; printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; }
    { apt-get install -qq --no-install-recommends $packages ||
        { apt-get update -qq && apt-get install -qq --no-install-recommends $packages; }; } >/tmp/slurm_install.log 2>&1
    [ -z "$own" ] || rm /usr/sbin/policy-rc.d
    missing && cannot "these packages cannot be installed: $packages (see /tmp/slurm_install.log)"
fi
exit 0
