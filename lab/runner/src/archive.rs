//! Zip files: deployment packages of functions, and artifacts of pipelines.

use std::io::{Cursor, Read as _, Write as _};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A Lambda deployment package: the one file `bootstrap`, executable. The emulator reads it from the same machine, and compressing tens of
/// megabytes of a development build would only cost time.
///
/// # Errors
/// If it cannot be packed.
pub(crate) fn bootstrap_package(content: &[u8]) -> Result<Vec<u8>, ZipError> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    pack([("bootstrap", content)], options)
}

/// Files by their paths, compressed.
///
/// # Errors
/// If they cannot be packed.
pub(crate) fn compressed(files: &[(&str, &str)]) -> Result<Vec<u8>, ZipError> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    pack(files.iter().map(|(path, text)| (*path, text.as_bytes())), options)
}

fn pack<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    options: SimpleFileOptions,
) -> Result<Vec<u8>, ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        writer.start_file(path, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// What a file says, if it has at most so many bytes.
///
/// # Errors
/// A message: there is no such file, it is larger, or no text.
pub(crate) fn text_of(packed: &[u8], path: &str, most: u64) -> Result<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(packed)).map_err(|problem| problem.to_string())?;
    let file = archive.by_name(path).map_err(|problem| match problem {
        ZipError::FileNotFound => format!("there is no file {path}"),
        problem => format!("{path}: {problem}"),
    })?;
    let mut text = String::new();
    let read = file.take(most + 1).read_to_string(&mut text).map_err(|problem| format!("{path}: {problem}"))?;
    if read as u64 > most { Err(format!("{path} has more than {most} bytes")) } else { Ok(text) }
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

    #[test]
    fn a_file_says_what_was_put_in() {
        let packed = compressed(&[("plan.json", "{\"service\": \"shop\"}"), ("infra/template.yaml", "{}")]).unwrap();
        assert_eq!(text_of(&packed, "plan.json", 100), Ok("{\"service\": \"shop\"}".to_owned()));
        assert_eq!(text_of(&packed, "infra/template.yaml", 2), Ok("{}".to_owned()));
        assert_eq!(text_of(&packed, "teal/plan.json", 100), Err("there is no file teal/plan.json".to_owned()));
        assert_eq!(text_of(&packed, "plan.json", 18), Err("plan.json has more than 18 bytes".to_owned()));
    }
}
