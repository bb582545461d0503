//! What Python imports: `Lane`, `Scan`, `Making`, and a few functions for tests.
#![allow(clippy::needless_pass_by_value)] // what Python gives is handed over as values

mod lane;
mod load;
mod making;

use pyo3::prelude::*;

/// The form of programs and calls; Python asks for exactly this.
const FORM: u32 = 2;

#[pymodule]
mod penstock_native {
    #[pymodule_export]
    use super::lane::Lane;
    #[pymodule_export]
    use super::lane::Scan;
    #[pymodule_export]
    use super::making::Making;
    #[pymodule_export]
    use super::open_sealed;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("FORM", super::FORM)
    }
}

/// Returns what AES-256-GCM opens (ciphertext and tag), or None. For test vectors.
#[pyfunction]
fn open_sealed(key: [u8; 32], nonce: [u8; 12], sealed: &[u8], bound: &[u8]) -> Option<Vec<u8>> {
    crate::sealing::Cipher::new(&key).open(sealed, &nonce, bound).ok()
}
