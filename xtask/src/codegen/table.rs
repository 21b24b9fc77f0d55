//! The table with which `device-wire`'s tests find a type by its name in the model.

use std::fmt::Write as _;

use super::model::{Kind, Model};
use super::structures::structures;

pub(super) fn table(model: &Model) -> String {
    let mut source = String::from(
        "//! Every type by its name in the model.\n\n\
         use device_wire::{enums::*, requests::*, responses::*, shapes::*};\n\n\
         use super::{EnumProbe, StructureProbe, enum_probe, structure_probe};\n\n",
    );
    source.push_str("pub(crate) const STRUCTURES: &[(&str, StructureProbe)] = &[\n");
    for name in structures(model) {
        let _ = writeln!(source, "    ({name:?}, structure_probe::<{name}>),");
    }
    source.push_str("];\n\npub(crate) const ENUMS: &[(&str, EnumProbe)] = &[\n");
    for (name, shape) in &model.shapes {
        if matches!(shape.kind, Kind::String { values: Some(_) }) {
            let _ = writeln!(source, "    ({name:?}, enum_probe::<{name}>),");
        }
    }
    source.push_str("];\n");
    source
}
