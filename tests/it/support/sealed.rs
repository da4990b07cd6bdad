//! Payloads that are encrypted, each stream under a key of its own that can be thrown away.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use annals_eventstore::postgres::{PoolOptions, StoreConfig};
use annals_eventstore::{
    Payload, PayloadCodec, PayloadCoding, PayloadOf, PostgresStore, StorageError, StreamName,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload as Sealed};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::database::{TestDb, TestDbError};

/// The bytes of a nonce, which stand in front of the ciphertext.
const NONCE: usize = 12;

/// Encrypts payloads, and knows no key any more of streams that were erased.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    erased: Arc<Mutex<HashSet<StreamName>>>,
}

impl Keys {
    /// Throws the key of a stream away.
    pub(crate) fn erase(&self, stream: &StreamName) {
        self.erased.lock().expect("nobody panics with it").insert(stream.clone());
    }

    /// Opens the log of a database with these keys.
    pub(crate) async fn open(&self, db: &TestDb) -> Result<PostgresStore, TestDbError> {
        let codec = PayloadCoding::with(self.clone());
        // Enough connections for a case whose appends wait for each other.
        let pool = PoolOptions { max_size: 40, ..PoolOptions::default() };
        let config = StoreConfig { codec, pool, ..StoreConfig::new(db.url().parse()?) };
        Ok(PostgresStore::open(config).await?)
    }

    fn cipher(&self, stream: &StreamName) -> Result<ChaCha20Poly1305, StorageError> {
        if self.erased.lock().expect("nobody panics with it").contains(stream) {
            return Err(format!("the key of {stream} was erased").into());
        }
        let key = Sha256::digest(format!("a secret, and {stream}"));
        Ok(ChaCha20Poly1305::new(&Key::from(<[u8; 32]>::from(key))))
    }
}

impl PayloadCodec for Keys {
    fn seal(&self, of: PayloadOf<'_>, payload: &Payload) -> Result<Payload, StorageError> {
        let cipher = self.cipher(of.stream())?;
        let random = Uuid::new_v4().into_bytes();
        let nonce: [u8; NONCE] = random[..NONCE].try_into()?;
        let place = format!("{of:?}");
        let sealed = Sealed { msg: payload.as_str().as_bytes(), aad: place.as_bytes() };
        let ciphertext = cipher.encrypt(&Nonce::from(nonce), sealed).map_err(|_| "it cannot be encrypted")?;
        Ok(Payload::encode(&STANDARD.encode([nonce.as_slice(), &ciphertext].concat()))?)
    }

    fn open(&self, of: PayloadOf<'_>, payload: &Payload) -> Result<Payload, StorageError> {
        let Ok(text) = payload.decode::<String>() else {
            // From before there was a codec.
            return Ok(payload.clone());
        };
        let bytes = STANDARD.decode(text)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE).ok_or("it is too short")?;
        let nonce: [u8; NONCE] = nonce.try_into()?;
        let place = format!("{of:?}");
        let sealed = Sealed { msg: ciphertext, aad: place.as_bytes() };
        let json = self.cipher(of.stream())?.decrypt(&Nonce::from(nonce), sealed);
        let json = json.map_err(|_| "it was sealed for another place, or with another key")?;
        Ok(Payload::from_json(String::from_utf8(json)?)?)
    }
}
