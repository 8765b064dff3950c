//! Writes the list of top-level domains for `domain::settings::name`: as text it takes a tenth of what a set of strings takes in
//! every function, and nothing while one starts.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let mut names: Vec<&str> = tld::TLD.iter().copied().collect();
    names.sort_unstable();
    let file = Path::new(&env::var("OUT_DIR")?).join("top-level-domains.txt");
    fs::write(file, names.join("\n"))?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
