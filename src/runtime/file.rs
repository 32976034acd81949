//! Files that are replaced as a whole, so that nobody ever reads half of one.
use std::{
    fs::Permissions,
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// Writes a file under another name, with a mode, and puts it in place of the old one when it is on the disk.
///
/// # Errors
/// When its directory is not there, or it cannot be written: the old one stays.
pub fn replace(path: &Path, mode: u32, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(directory)?;
    let mut out = BufWriter::new(temporary.as_file_mut());
    content(&mut out)?;
    out.flush()?;
    drop(out);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}
