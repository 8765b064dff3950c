//! Writes the version and the integrity of the panel for `account::console_page`, which would otherwise hash the same file in every
//! cold start.

use std::{env, error::Error, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256, Sha384};

const PANEL: &str = "../panel/dist/invitations-panel.js";

fn main() -> Result<(), Box<dyn Error>> {
    let panel = fs::read(PANEL)?;
    let version: String = Sha256::digest(&panel).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let integrity = format!("sha384-{}", STANDARD.encode(Sha384::digest(&panel)));
    let directory = env::var("OUT_DIR")?;
    fs::write(Path::new(&directory).join("panel-version.txt"), version)?;
    fs::write(Path::new(&directory).join("panel-integrity.txt"), integrity)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PANEL}");
    Ok(())
}
