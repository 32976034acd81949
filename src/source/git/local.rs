//! Repositories on this machine, read by libgit2 itself.
use super::{
    FetchError, RepoUrl,
    advertisement::{Advertised, Head, Heads, is_name},
    bounds::Bounds,
    choice::Choice,
};
use git2::{AutotagOption, Direction, FetchOptions, Remote, RemoteCallbacks, Repository};

/// What the repository has.
pub(super) fn look(url: &RepoUrl) -> Result<Advertised, FetchError> {
    let failed = |error| failed(url, error);
    if !url.local_path().exists() {
        return Err(not_found(url));
    }
    let mut remote = Remote::create_detached(url.local_address()).map_err(failed)?;
    let connection = remote.connect_auth(Direction::Fetch, None, None).map_err(failed)?;
    let mut heads = Heads::new();
    let mut default_branch = None;
    for head in connection.list().map_err(failed)? {
        let (name, id) = (head.name(), head.oid());
        if name == "HEAD" {
            default_branch = head.symref_target().map(str::to_owned);
        }
        match name.strip_suffix("^{}") {
            Some(tag) => {
                if let Some(head) = heads.get_mut(tag) {
                    head.commit = id;
                }
            }
            None if name == "HEAD" || is_name(name) => {
                heads.insert(name.to_owned(), Head { target: id, commit: id });
            }
            None => {}
        }
    }
    Ok(Advertised { heads, default_branch, ..Advertised::default() })
}

/// Copies what leads to a choice. libgit2 cannot leave out the history here.
pub(super) fn fetch(
    url: &RepoUrl,
    repository: &Repository,
    choice: &Choice,
    bounds: &Bounds,
) -> Result<(), FetchError> {
    let mut remote = repository.remote_anonymous(url.local_address()).map_err(|error| failed(url, error))?;
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|_| bounds.check().is_ok());
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks).download_tags(AutotagOption::None);
    let name = &choice.name;
    let outcome = remote.fetch(&[format!("+{name}:{name}")], Some(&mut options), None);
    bounds.check()?;
    outcome.map_err(|error| failed(url, error))?;
    if repository.find_commit(choice.commit).is_ok() {
        return Ok(());
    }
    let what = format!("commit {}", choice.commit);
    let hint = format!(" on {}", name.trim_start_matches("refs/heads/"));
    Err(FetchError::NoSuchRevision { url: url.to_string(), what, hint })
}

fn failed(url: &RepoUrl, error: git2::Error) -> FetchError {
    match (error.code(), error.class()) {
        (git2::ErrorCode::NotFound, git2::ErrorClass::Repository | git2::ErrorClass::Os) => not_found(url),
        _ => FetchError::Transport { url: url.to_string(), source: error.into() },
    }
}

fn not_found(url: &RepoUrl) -> FetchError {
    FetchError::RepositoryNotFound { url: url.to_string(), credentials: "this user".to_owned() }
}
