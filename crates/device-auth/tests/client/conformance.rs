//! Every store keeps the promises of [`device_auth::DeviceStore`].

mod memory {
    use device_auth::MemoryStore;

    device_auth::device_store_conformance!((MemoryStore::new(), ()));
}

mod file {
    use device_auth::FileStore;
    use tempfile::TempDir;

    device_auth::device_store_conformance!({
        let directory = TempDir::new().unwrap();
        (FileStore::open(directory.path().join("devices.json")), directory)
    });
}

#[cfg(feature = "keyring")]
mod keychain {
    use device_auth::KeychainStore;

    device_auth::device_store_conformance!({
        (KeychainStore::within(keyring_core::mock::Store::new().unwrap(), "app"), ())
    });
}
