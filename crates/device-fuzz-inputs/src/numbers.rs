//! Numbers at the edges of the arithmetic, and the known answers.

use std::sync::LazyLock;

use num_bigint::BigUint;
use serde_json::Value;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../device-srp/vectors/srp.json")).unwrap()
});

/// The group's modulus.
pub(crate) static N: LazyLock<BigUint> = LazyLock::new(|| hex(&VECTORS["group"]["N"]));

/// A handshake whose numbers have a rare property.
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) public_a: BigUint,
    pub(crate) public_b: BigUint,
    pub(crate) salt: BigUint,
}

pub(crate) static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let cases = VECTORS["derived_edge_cases"]["cases"].as_array().unwrap();
    cases.iter().map(Case::read).collect()
});

impl Case {
    fn read(case: &Value) -> Self {
        Self {
            title: case["properties"][0].as_str().unwrap().to_owned(),
            public_a: hex(&case["A"]),
            public_b: hex(&case["SRP_B"]),
            salt: hex(&case["SALT"]),
        }
    }

    /// The name of a number in this case.
    fn name(&self, number: &BigUint) -> Option<String> {
        let named = [("A", &self.public_a), ("B", &self.public_b), ("salt", &self.salt)];
        let (name, _) = named.into_iter().find(|(_, value)| *value == number)?;
        Some(format!("{name}_of_{}", self.title))
    }
}

fn hex(value: &Value) -> BigUint {
    BigUint::parse_bytes(value.as_str().unwrap().as_bytes(), 16).unwrap()
}

/// Numbers that formulas or kernels could get wrong.
pub(crate) static EDGES: LazyLock<Vec<(&str, BigUint)>> = LazyLock::new(|| {
    let n = &*N;
    let power = |bits: u32| BigUint::from(1u8) << bits;
    vec![
        ("zero", BigUint::ZERO),
        ("one", power(0)),
        ("two", power(1)),
        ("n_minus_1", n - 1u8),
        ("n", n.clone()),
        ("n_plus_1", n + 1u8),
        ("twice_n", n * 2u8),
        ("half_n", n / 2u8),
        ("top_bit", power(3071)),
        ("all_ones", power(3072) - 1u8),
        ("one_bit_too_long", power(3072)),
        ("limb_of_52_ones", power(52) - 1u8),
        ("limb_of_60_ones", power(60) - 1u8),
        ("limbs_of_52_ones", power(3068) - 1u8),
        ("low_word_zero", power(64)),
        ("lonely_middle_bit", power(1536)),
        ("r_minus_n", power(3072) - n),
    ]
});

/// Names a number: an edge, part of a known answer, a single bit, a run of ones, or its size.
pub(crate) fn name(bytes: &[u8]) -> String {
    let number = BigUint::from_bytes_be(bytes);
    let (bits, ones) = (number.bits(), number.count_ones());
    if let Some(title) = CASES.iter().find_map(|case| case.name(&number)) {
        return title;
    }
    match EDGES.iter().find(|(_, edge)| *edge == number) {
        Some((name, _)) => (*name).to_owned(),
        None if ones == 1 => format!("bit_{}", bits - 1),
        None if ones == bits => format!("{bits}_ones"),
        None => format!("{bits}_bits"),
    }
}

/// Big-endian bytes; empty for 0.
pub(crate) fn bytes(number: &BigUint) -> Vec<u8> {
    if *number == BigUint::ZERO { Vec::new() } else { number.to_bytes_be() }
}
