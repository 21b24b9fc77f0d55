//! The seam between the protocol and the arithmetic: a [`Kernel`] multiplies `L` independent residues side by side, the
//! formulas over it are written once, and the fastest kernel that this CPU has is chosen at run time.

mod formula;
mod portable;
mod power;

use once_cell::race::OnceBox;

use crate::{exponent::Exponent, group::Residue};
use portable::Portable;
use power::Comb;

/// Modular arithmetic on `L` lanes, each lane a residue of its own, in constant time except where a name says
/// otherwise. A value of the implementing type is the proof that the CPU can run it.
trait Kernel<const L: usize>: Copy + 'static {
    /// `L` residues in the kernel's own form, perhaps not fully reduced. Every operation takes what any other gives,
    /// except that sums may not be summed again.
    type Element: Clone;
    /// Sixteen residues that all lanes look up in.
    type Shared: Send + Sync + 'static;

    fn load(self, x: [&Residue; L]) -> Self::Element;
    fn store(self, x: &Self::Element) -> [Residue; L];
    fn one(self) -> Self::Element;
    fn mul(self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// Squares in place, so many times.
    fn square(self, a: &mut Self::Element, times: usize);
    fn add(self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// The entry that each lane's digit numbers; reads the whole table whatever the digits.
    fn select(self, table: &[Self::Element], digits: &[u64; L]) -> Self::Element;
    /// The same for public digits.
    fn select_vartime(self, table: &[Self::Element], digits: &[u64; L]) -> Self::Element;

    /// Makes a shared table of what lane 0 holds.
    fn share(self, table: &[Self::Element; 16]) -> Self::Shared;
    fn select_shared(self, table: &Self::Shared, digits: &[u64; L]) -> Self::Element;
    /// Where this kernel keeps its comb for g, derived at first use.
    fn comb(self) -> &'static OnceBox<Comb<Self::Shared>>;
}

/// g^e.
pub(crate) fn generator_power(e: &Exponent) -> Residue {
    let [power] = formula::generator_power(Portable, [e]);
    power
}

/// The server's B = k v + g^b.
pub(crate) fn server_public(v: &Residue, b: &Exponent) -> Residue {
    let [public] = formula::server_public(Portable, [v], [b]);
    public
}

/// The server's S = (A v^u)^b, in constant time but for u, which is public.
pub(crate) fn server_secret(a: &Residue, v: &Residue, u: &Exponent, b: &Exponent) -> Residue {
    let [secret] = formula::server_secret(Portable, [a], [v], [u], [b]);
    secret
}

/// The client's S = (B - k g^x)^e with e = a + u x.
pub(crate) fn client_secret(b: &Residue, x: &Exponent, e: &Exponent) -> Residue {
    let [secret] = formula::client_secret(Portable, [b], [x], [e]);
    secret
}
