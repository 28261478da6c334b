#!/usr/bin/env bash
# What must hold before a commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
step() { printf '\n== %s\n' "$*"; "$@"; }
step cargo fmt --all --check
step cargo check --quiet --locked --lib --no-default-features
step cargo clippy --quiet --locked --all-targets -- -D warnings
# The fuzz targets are a package of their own; what they call must still be there.
step cargo check --quiet --locked --manifest-path fuzz/Cargo.toml
RUSTDOCFLAGS="-D warnings" step cargo doc --quiet --locked --no-deps
if cargo nextest --version >/dev/null 2>&1; then
    step cargo nextest run --locked
else
    step cargo test --locked
fi
if ! cargo deny --version >/dev/null 2>&1; then
    echo "gate: cargo-deny is missing: cargo install --locked cargo-deny" >&2
    exit 1
fi
step cargo deny --locked check bans licenses sources
