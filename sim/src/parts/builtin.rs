//! The parts that are built into the binary, by kind and name, each kind sorted.

use super::Kind;

macro_rules! part {
    ($kind:ident, $folder:literal, $name:literal) => {
        (
            Kind::$kind,
            $name,
            include_str!(concat!("../../../scenarios/parts/", $folder, "/", $name, ".json")),
        )
    };
}

/// Kind, name and text of every part that is built in.
pub(super) const BUILTIN: &[(Kind, &str, &str)] = &[
    part!(Board, "boards", "supercap-pi"),
    part!(Caps, "caps", "25f"),
    part!(Caps, "caps", "25f-aged"),
    part!(Caps, "caps", "25f-cold"),
    part!(Caps, "caps", "25f-half"),
    part!(Caps, "caps", "25f-label"),
    part!(Caps, "caps", "25f-slow"),
    part!(Caps, "caps", "35f"),
    part!(Caps, "caps", "35f-half"),
    part!(Caps, "caps", "35f-label"),
    part!(Supply, "supplies", "bench"),
    part!(Supply, "supplies", "big-bulk"),
    part!(Supply, "supplies", "foldback-2a"),
    part!(Supply, "supplies", "good-2a"),
    part!(Supply, "supplies", "hiccup-1a"),
    part!(Supply, "supplies", "official-3a"),
    part!(Supply, "supplies", "official-5a"),
    part!(Supply, "supplies", "pd-27w"),
    part!(Supply, "supplies", "phone-1a"),
    part!(Supply, "supplies", "power-bank"),
    part!(Strip, "strips", "both-poles"),
    part!(Strip, "strips", "one-pole"),
    part!(Cable, "cables", "bad-50cm"),
    part!(Cable, "cables", "good-1m"),
    part!(Cable, "cables", "none"),
    part!(Cable, "cables", "official"),
    part!(Cable, "cables", "thin-1m"),
    part!(Pi, "pis", "pi-3b"),
    part!(Pi, "pis", "pi-3b-plus"),
    part!(Pi, "pis", "pi-3b-tft"),
    part!(Pi, "pis", "pi-4b"),
    part!(Pi, "pis", "pi-4b-early"),
    part!(Pi, "pis", "pi-4b-old"),
    part!(Pi, "pis", "pi-4b-peaks"),
    part!(Pi, "pis", "pi-4b-power-off"),
    part!(Pi, "pis", "pi-4b-tft"),
    part!(Pi, "pis", "pi-5"),
    part!(Pi, "pis", "pi-5-power-off"),
    part!(Pi, "pis", "pi-zero"),
    part!(Pi, "pis", "pi-zero-2w"),
    part!(Pi, "pis", "pi-zero-w"),
    part!(Pi, "pis", "pi-zero-w-old"),
];
