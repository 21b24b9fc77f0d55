use std::sync::LazyLock;

use crypto_bigint::{
    Odd, U256, U3072, Uint,
    modular::{FixedMontyForm, FixedMontyParams},
};
use num_bigint::BigUint;

use super::Peer;
use crate::numbers::N;

/// `FixedMontyForm::pow`.
pub(super) struct CryptoBigint;

type Form = FixedMontyForm<{ U3072::LIMBS }>;

static PARAMS: LazyLock<FixedMontyParams<{ U3072::LIMBS }>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "N is odd")]
    let n = Odd::new(number(&N)).into_option().expect("N is odd");
    FixedMontyParams::new(n)
});

fn number(x: &BigUint) -> U3072 {
    let mut bytes = [0; U3072::BYTES];
    let digits = x.to_bytes_le();
    bytes.iter_mut().zip(digits).for_each(|(to, from)| *to = from);
    U3072::from_le_slice(&bytes)
}

impl Peer for CryptoBigint {
    fn name(&self) -> &'static str {
        "crypto-bigint FixedMontyForm"
    }

    fn constant_time(&self) -> bool {
        true
    }

    fn power(&self, base: &BigUint, exponent: &BigUint) -> Option<BigUint> {
        let base = Form::new(&number(base), &PARAMS);
        // the exponent's length is public; with the default this type would use 3072 bits
        let power = if exponent.bits() <= 256 {
            base.pow(&number(exponent).resize::<{ U256::LIMBS }>())
        } else if exponent.bits() <= 512 {
            base.pow(&number(exponent).resize::<8>())
        } else {
            base.pow(&number(exponent).resize::<17>())
        };
        let result: Uint<{ U3072::LIMBS }> = power.retrieve();
        Some(BigUint::from_bytes_le(result.to_le_bytes().as_ref()))
    }
}
