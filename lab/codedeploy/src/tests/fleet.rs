//! Instances that take notes, with folders and scripts that are real.

use crate::{Act, Instances};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// The Auto Scaling group `web`.
pub(super) struct Fleet {
    folder: PathBuf,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    instances: Vec<String>,
    /// What was done to them, in order.
    done: Vec<String>,
    /// Archives by their keys.
    revisions: BTreeMap<String, Vec<u8>>,
}

impl Default for Fleet {
    fn default() -> Self {
        let folder = std::env::temp_dir().join(format!("teal-lab-codedeploy-{:032x}", fastrand::u128(..)));
        Self { folder, notes: Mutex::default() }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Fleet {
    pub(super) fn launch(&self, instances: &[&str]) {
        for instance in instances {
            fs::create_dir_all(self.root(instance)).unwrap();
        }
        self.notes.lock().unwrap().instances = instances.iter().map(|&id| id.to_owned()).collect();
    }

    /// Keeps an archive of these files.
    pub(super) fn keep(&self, key: &str, files: &[(&str, &str)]) {
        let folder = self.folder.join(format!("revision-{key}"));
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let packed = Command::new("tar").arg("-cf").arg("-").arg("-C").arg(&folder).arg(".").output().unwrap();
        assert!(packed.status.success(), "{packed:?}");
        self.notes.lock().unwrap().revisions.insert(key.to_owned(), packed.stdout);
    }

    fn note(&self, instance: &str, what: &str) {
        self.notes.lock().unwrap().done.push(format!("{instance} {what}"));
    }

    pub(super) fn done(&self) -> Vec<String> {
        self.notes.lock().unwrap().done.clone()
    }

    /// What is in a file of an instance.
    pub(super) fn file(&self, instance: &str, name: &str) -> Option<String> {
        fs::read_to_string(self.root(instance).join(name)).ok()
    }
}

impl Instances for Fleet {
    fn in_service(&self, group: &str) -> Option<Vec<String>> {
        (group == "web").then(|| self.notes.lock().unwrap().instances.clone())
    }

    fn root(&self, instance: &str) -> PathBuf {
        self.folder.join(instance)
    }

    fn environment(&self, instance: &str) -> Vec<(String, String)> {
        [("PATH", "/usr/bin:/bin"), ("INSTANCE", instance)].map(|(name, value)| (name.into(), value.into())).into()
    }

    fn object(&self, bucket: &str, key: &str) -> Act<Vec<u8>> {
        assert_eq!(bucket, "revisions");
        let found = self.notes.lock().unwrap().revisions.get(key).cloned();
        Box::pin(async move { found.ok_or_else(|| "NoSuchKey".to_owned()) })
    }

    fn set_registered(&self, instance: &str, _: &str, wanted: bool) -> Result<(), String> {
        self.note(instance, if wanted { "comes" } else { "leaves" });
        Ok(())
    }

    fn has_left(&self, _: &str, _: &str) -> Result<bool, String> {
        Ok(true)
    }

    fn is_served(&self, _: &str, _: &str) -> Result<bool, String> {
        Ok(true)
    }

    fn stop_application(&self, instance: &str) -> Act {
        self.note(instance, "stops");
        Box::pin(async { Ok(()) })
    }

    fn start_application(&self, instance: &str) -> Act {
        let version = self.file(instance, "srv/app/version").unwrap_or_default();
        self.note(instance, &format!("starts {version}"));
        Box::pin(async { Ok(()) })
    }
}
