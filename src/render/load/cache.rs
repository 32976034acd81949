//! What was rendered before, kept by the content that it was made of.
//!
//! Two things are kept: the objects of each file by the file's content, and what each base came to by everything that was looked at
//! for it: names that were there or not, files, directories. A change of one file therefore parses that file anew, and
//! accumulates the bases that it is part of, and no others.
use crate::render::{
    object::resource::Resource,
    transform::accumulated::Accumulated,
    tree::{ContentId, EntryKind},
};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes in memory that a byte of a file takes, about: a node is larger than its text.
const EXPANSION: usize = 3;
/// Bytes that an entry takes besides.
const OVERHEAD: usize = 256;

/// Something that a render looked at, and what was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::render) enum Seen {
    Kind(String, Option<EntryKind>),
    Real(String, Option<String>),
    List(String, Vec<(String, EntryKind)>),
    File { path: String, id: ContentId, size: usize },
}

/// What a base came to, and what was looked at for it.
pub(in crate::render) struct Memo {
    pub(in crate::render) seen: Vec<Seen>,
    pub(in crate::render) accumulated: Accumulated,
}

/// Keeps what was rendered, for the next render of the same files. Shared by renders of any trees and directories.
///
/// Holds about `max_bytes` at most; what was used longest ago goes first.
pub struct Cache {
    max_bytes: usize,
    kept: Mutex<Kept>,
    parsed: AtomicU64,
    reused: AtomicU64,
    accumulated: AtomicU64,
    recalled: AtomicU64,
}

/// How often a cache spared work, and how often it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Files whose objects were read from their text.
    pub files_parsed: u64,
    /// Files whose objects were there.
    pub files_reused: u64,
    /// Bases that were accumulated.
    pub bases_accumulated: u64,
    /// Bases that were there.
    pub bases_reused: u64,
}

#[derive(Default)]
struct Kept {
    files: HashMap<(ContentId, String), Entry<File>>,
    /// By directory, and whether files were restricted to that of their kustomization.
    bases: HashMap<(String, bool), Entry<Arc<Memo>>>,
    bytes: usize,
    clock: u64,
}

/// The objects of a file, and its size in bytes.
type File = (Arc<[Resource]>, usize);

struct Entry<T> {
    value: T,
    bytes: usize,
    used: u64,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("max_bytes", &self.max_bytes).field("statistics", &self.statistics()).finish()
    }
}

impl Cache {
    /// A cache that holds about so many bytes at most.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            kept: Mutex::default(),
            parsed: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            accumulated: AtomicU64::new(0),
            recalled: AtomicU64::new(0),
        }
    }

    /// What it spared so far.
    pub fn statistics(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            files_parsed: read(&self.parsed),
            files_reused: read(&self.reused),
            bases_accumulated: read(&self.accumulated),
            bases_reused: read(&self.recalled),
        }
    }

    /// The objects of a file of a content.
    ///
    /// With them comes the size of the file, in bytes.
    pub(in crate::render) fn file(&self, id: ContentId, path: &str) -> Option<(Vec<Resource>, usize)> {
        let mut kept = self.lock();
        let (found, size) = kept.touch(|kept| kept.files.get_mut(&(id, path.to_owned())))?;
        self.reused.fetch_add(1, Ordering::Relaxed);
        Some((found.to_vec(), size))
    }

    /// Whether it has the objects of a file of a content.
    pub(in crate::render) fn has_file(&self, id: ContentId, path: &str) -> bool {
        self.lock().files.contains_key(&(id, path.to_owned()))
    }

    /// Keeps the objects of a file of a content.
    pub(in crate::render) fn keep_file(&self, id: ContentId, path: &str, size: usize, resources: &[Resource]) {
        self.parsed.fetch_add(1, Ordering::Relaxed);
        let bytes = size * EXPANSION + OVERHEAD;
        if bytes > self.max_bytes / 4 {
            return;
        }
        self.lock().put(|kept| &mut kept.files, (id, path.to_owned()), (resources.into(), size), bytes, self.max_bytes);
    }

    /// What a base came to the last time, if all that was looked at is as it was.
    pub(in crate::render) fn base(
        &self,
        directory: &str,
        is_restricted: bool,
        holds: impl Fn(&Seen) -> bool,
    ) -> Option<Arc<Memo>> {
        let memo = {
            let mut kept = self.lock();
            kept.touch(|kept| kept.bases.get_mut(&(directory.to_owned(), is_restricted)))?
        };
        if !memo.seen.iter().all(holds) {
            return None;
        }
        self.recalled.fetch_add(1, Ordering::Relaxed);
        Some(memo)
    }

    /// Keeps what a base came to.
    pub(in crate::render) fn keep_base(&self, directory: &str, is_restricted: bool, memo: Memo) {
        self.accumulated.fetch_add(1, Ordering::Relaxed);
        let weight = |seen: &Seen| match seen {
            Seen::File { size, .. } => size * EXPANSION + OVERHEAD,
            Seen::Kind(..) | Seen::Real(..) | Seen::List(..) => OVERHEAD,
        };
        let bytes = memo.seen.iter().map(weight).sum();
        if bytes > self.max_bytes / 2 {
            return;
        }
        let key = (directory.to_owned(), is_restricted);
        self.lock().put(|kept| &mut kept.bases, key, Arc::new(memo), bytes, self.max_bytes);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Finds something, and notes that it was used.
    fn touch<T: Clone>(&mut self, find: impl FnOnce(&mut Self) -> Option<&mut Entry<T>>) -> Option<T> {
        self.clock += 1;
        let now = self.clock;
        let entry = find(self)?;
        entry.used = now;
        Some(entry.value.clone())
    }

    fn put<K: Eq + Hash, T>(
        &mut self,
        map: impl FnOnce(&mut Self) -> &mut HashMap<K, Entry<T>>,
        key: K,
        value: T,
        bytes: usize,
        max_bytes: usize,
    ) {
        self.clock += 1;
        let entry = Entry { value, bytes, used: self.clock };
        let replaced = map(self).insert(key, entry).map_or(0, |old| old.bytes);
        self.bytes = self.bytes + bytes - replaced;
        if self.bytes > max_bytes {
            self.shed(max_bytes / 4 * 3);
        }
    }

    /// Drops what was used longest ago, until there is room.
    fn shed(&mut self, goal: usize) {
        let files = self.files.values().map(|entry| (entry.used, entry.bytes));
        let bases = self.bases.values().map(|entry| (entry.used, entry.bytes));
        let mut all: Vec<(u64, usize)> = files.chain(bases).collect();
        all.sort_unstable();
        let mut last = 0;
        for (used, bytes) in all {
            if self.bytes <= goal {
                break;
            }
            self.bytes -= bytes;
            last = used;
        }
        self.files.retain(|_, entry| entry.used > last);
        self.bases.retain(|_, entry| entry.used > last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{
        Options, build_yaml,
        tree::{ContentId, EntryKind, FileTree, MemoryTree, TreeError},
    };
    use std::{collections::BTreeSet, fmt::Write as _};

    /// A tree that knows the identity of its files, and notes which are read.
    struct Watched {
        tree: MemoryTree,
        read: Mutex<BTreeSet<String>>,
    }

    impl Watched {
        fn new(files: &[(String, String)]) -> Self {
            Self { tree: MemoryTree::new(files.iter().cloned()), read: Mutex::default() }
        }

        fn read(&self) -> Vec<String> {
            self.read.lock().expect("a lock").iter().cloned().collect()
        }
    }

    impl FileTree for Watched {
        fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
            self.read.lock().expect("a lock").insert(path.to_owned());
            self.tree.read(path)
        }

        fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
            self.tree.kind(path)
        }

        fn list(&self, path: &str) -> Result<Vec<(String, EntryKind)>, TreeError> {
            self.tree.list(path)
        }

        fn real(&self, path: &str) -> Result<Option<String>, TreeError> {
            self.tree.real(path)
        }

        fn id(&self, path: &str) -> Result<Option<ContentId>, TreeError> {
            self.tree.read(path).map(|bytes| Some(ContentId::of(&bytes)))
        }
    }

    fn files() -> Vec<(String, String)> {
        let mut files = vec![(
            "top/kustomization.yaml".to_owned(),
            "namePrefix: x-\nresources: [../a, ../b, own.yaml]\n".to_owned(),
        )];
        files.push(("top/own.yaml".to_owned(), config_map("own", "1")));
        for base in ["a", "b"] {
            files.push((
                format!("{base}/kustomization.yaml"),
                format!("nameSuffix: -{base}\nresources: [one.yaml, two.yaml]\n"),
            ));
            files.push((format!("{base}/one.yaml"), config_map("one", "1")));
            files.push((format!("{base}/two.yaml"), config_map("two", "1")));
        }
        files
    }

    fn config_map(name: &str, value: &str) -> String {
        let mut text = String::new();
        write!(text, "kind: ConfigMap\napiVersion: v1\nmetadata: {{name: {name}}}\ndata: {{v: \"{value}\"}}\n")
            .expect("text");
        text
    }

    fn options(cache: &Arc<Cache>) -> Options {
        Options { cache: Some(cache.clone()), ..Options::of_kustomize() }
    }

    #[test]
    fn a_change_of_one_file_renders_only_what_depends_on_it() {
        let cache = Arc::new(Cache::new(1 << 20));
        let mut files = files();
        let tree = Watched::new(&files);
        let first = build_yaml(&tree, "top", &options(&cache)).expect("rendered");
        assert_eq!(first, build_yaml(&tree, "top", &Options::of_kustomize()).expect("rendered without a cache"));
        assert_eq!(cache.statistics(), Statistics { files_parsed: 5, bases_accumulated: 2, ..Statistics::default() });

        let unchanged = Watched::new(&files);
        assert_eq!(build_yaml(&unchanged, "top", &options(&cache)).expect("rendered"), first);
        assert_eq!(unchanged.read(), ["top/kustomization.yaml"], "nothing but the top is read");

        let changed = files.iter_mut().find(|(path, _)| path == "b/two.yaml").expect("the file");
        changed.1 = config_map("two", "2");
        let tree = Watched::new(&files);
        let second = build_yaml(&tree, "top", &options(&cache)).expect("rendered");
        assert_eq!(second, build_yaml(&Watched::new(&files), "top", &Options::of_kustomize()).expect("rendered"));
        assert_ne!(first, second);
        assert_eq!(tree.read(), ["b/kustomization.yaml", "b/two.yaml", "top/kustomization.yaml"]);
    }

    #[test]
    fn a_file_that_appears_is_noticed() {
        let cache = Arc::new(Cache::new(1 << 20));
        let mut files = files();
        build_yaml(&Watched::new(&files), "top", &options(&cache)).expect("rendered");
        files.push(("a/Kustomization".to_owned(), "resources: []\n".to_owned()));
        let error = build_yaml(&Watched::new(&files), "top", &options(&cache)).expect_err("two kustomizations");
        assert!(error.to_string().contains("holds 2 of"), "{error}");
    }

    #[test]
    fn what_is_kept_stays_within_its_bound() {
        let cache = Cache::new(64 << 10);
        for number in 0..1_000_u32 {
            cache.keep_file(ContentId::of(&number.to_be_bytes()), "a.yaml", 1_000, &[]);
        }
        let kept = cache.lock();
        assert!(kept.bytes <= 64 << 10, "{} bytes", kept.bytes);
        assert_eq!(kept.bytes, kept.files.values().map(|entry| entry.bytes).sum::<usize>());
        assert!(kept.files.len() > 10);
    }
}
