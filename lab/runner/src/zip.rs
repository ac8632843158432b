//! A Lambda deployment package: one stored (uncompressed) file called `bootstrap` with its executable bits set.
//!
//! Lambda wants a zip, and the emulator reads it from the same machine: compressing tens of megabytes of a
//! development build would only cost time. Layout: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.

const NAME: &[u8] = b"bootstrap";
/// A regular file with mode 0755, as Unix writes it into the upper half of the external attributes.
const EXECUTABLE: u32 = 0o100_755 << 16;
/// 1980-01-01, the earliest date of the format: the same content gives the same bytes.
const DATE: u16 = (1 << 5) | 1;
const VERSION_NEEDED: u16 = 20;
const MADE_BY_UNIX: u16 = (3 << 8) | VERSION_NEEDED;

/// A zip that holds `content` as an executable `bootstrap`, or `None` if it is 4 GiB or more (zip64 is not written).
#[must_use]
pub(crate) fn bootstrap_package(content: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(content.len()).ok()?;
    let checksum = crc32fast::hash(content);
    let mut zip = Vec::with_capacity(content.len() + 200);

    zip.extend(b"PK\x03\x04");
    common_header(&mut zip, checksum, size);
    zip.extend(NAME);
    zip.extend(content);

    let directory_at = u32::try_from(zip.len()).ok()?;
    zip.extend(b"PK\x01\x02");
    zip.extend(MADE_BY_UNIX.to_le_bytes());
    common_header(&mut zip, checksum, size);
    // No comment, first disk, binary file.
    zip.extend([0; 6]);
    zip.extend(EXECUTABLE.to_le_bytes());
    zip.extend(0u32.to_le_bytes());
    zip.extend(NAME);
    let directory_size = u32::try_from(zip.len()).ok()? - directory_at;

    zip.extend(b"PK\x05\x06");
    zip.extend([0; 4]);
    zip.extend(1u16.to_le_bytes());
    zip.extend(1u16.to_le_bytes());
    zip.extend(directory_size.to_le_bytes());
    zip.extend(directory_at.to_le_bytes());
    zip.extend(0u16.to_le_bytes());
    Some(zip)
}

/// The fields that a file's own header and its directory entry share.
fn common_header(zip: &mut Vec<u8>, checksum: u32, size: u32) {
    zip.extend(VERSION_NEEDED.to_le_bytes());
    zip.extend(0u16.to_le_bytes()); // flags
    zip.extend(0u16.to_le_bytes()); // stored
    zip.extend(0u16.to_le_bytes()); // time of day
    zip.extend(DATE.to_le_bytes());
    zip.extend(checksum.to_le_bytes());
    zip.extend(size.to_le_bytes()); // compressed
    zip.extend(size.to_le_bytes()); // not compressed
    zip.extend((NAME.len() as u16).to_le_bytes());
    zip.extend(0u16.to_le_bytes()); // extra field
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn python_unzips_an_executable_bootstrap() {
        let zip = bootstrap_package(b"#!/bin/sh\necho hello\n").unwrap();
        let file = std::env::temp_dir().join(format!("bootstrap-{}.zip", std::process::id()));
        std::fs::write(&file, zip).unwrap();
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                      i = z.infolist()[0]; print(i.filename, oct(i.external_attr >> 16), z.read(i).decode(), end='')";
        let output = Command::new("python3").args(["-c", script]).arg(&file).output().unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "bootstrap 0o100755 #!/bin/sh\necho hello\n");
    }
}
