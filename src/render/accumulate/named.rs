//! What `resources` and `components` name: files, directories, and what is elsewhere.
use super::{
    Build,
    place::{At, Named, Target},
};
use crate::render::{
    error::{Place, RenderError},
    load::{Loader, Something, target},
    object::{
        manifests,
        resource::{Provenance, Resource},
    },
    remote::{self, Remote},
    transform::accumulated::Accumulated,
    tree::EntryKind,
};
use std::sync::Arc;

impl Build<'_> {
    /// Adds what a field names: files, and directories with kustomizations of their own.
    pub(super) fn resources(
        &self,
        at: &Target<'_>,
        field: &str,
        names: &[String],
        accumulated: &mut Accumulated,
    ) -> Result<(), RenderError> {
        let Target { loader, directory, file, .. } = *at;
        let files = at.files(field);
        let paths: Vec<String> = names.iter().filter_map(|name| files.path(name).ok()).collect();
        loader.read_ahead(directory, &paths, file);
        for name in names {
            if self.is_elsewhere(at, name)? {
                self.elsewhere(at, field, name, accumulated)?;
                continue;
            }
            let path = files.path(name)?;
            match loader.kind(&path)? {
                Some(EntryKind::File) => {
                    self.add_file(at, name, loader.resources(directory, &path, file)?, accumulated)?;
                }
                Some(EntryKind::Directory) => {
                    let inner = self.base(&At {
                        loader,
                        directory: &loader.real(&path)?,
                        named: Named::AsBase,
                        above: at.above,
                        origin: at.origin.at(name),
                        chart_namespace: at.chart_namespace,
                    })?;
                    accumulated.absorb(inner, file)?;
                }
                None => {
                    let message = format!("{name:?} is neither a file nor a directory");
                    return Err(RenderError::field(file, field, message));
                }
            }
        }
        Ok(())
    }

    /// Adds the objects of a file that was named.
    fn add_file(
        &self,
        at: &Target<'_>,
        name: &str,
        mut resources: Vec<Resource>,
        accumulated: &mut Accumulated,
    ) -> Result<(), RenderError> {
        if self.tells_provenance() {
            let provenance = Arc::new(Provenance::file(at.origin.at(name)));
            resources.iter_mut().for_each(|one| one.provenance = Some(provenance.clone()));
        }
        self.meet(&resources);
        accumulated.append(resources, at.file)
    }

    /// Adds components, each to all that is there.
    pub(super) fn components(&self, at: &Target<'_>, accumulated: &mut Accumulated) -> Result<(), RenderError> {
        let Target { loader, file, fields, .. } = *at;
        let field = "components";
        let files = at.files(field);
        for name in &fields.components {
            if self.is_elsewhere(at, name)? {
                self.elsewhere(at, field, name, accumulated)?;
                continue;
            }
            let path = files.path(name)?;
            if loader.kind(&path)? != Some(EntryKind::Directory) {
                return Err(RenderError::field(file, field, format!("{name:?} is not a directory")));
            }
            let component = At {
                loader,
                directory: &loader.real(&path)?,
                named: Named::AsComponent,
                above: at.above,
                origin: at.origin.at(name),
                chart_namespace: at.chart_namespace,
            };
            self.into(&component, accumulated)?;
        }
        Ok(())
    }

    /// Whether a name is an address, and nothing in the tree is called so.
    fn is_elsewhere(&self, at: &Target<'_>, name: &str) -> Result<bool, RenderError> {
        if !remote::is_file_address(name) && Remote::parse(name).is_none() {
            return Ok(false);
        }
        match at.files("").path(name) {
            Ok(path) if !name.contains("://") => Ok(at.loader.kind(&path)?.is_none()),
            _ => Ok(true),
        }
    }

    /// Adds what is elsewhere: a file, a base or a component.
    fn elsewhere(
        &self,
        at: &Target<'_>,
        field: &str,
        name: &str,
        accumulated: &mut Accumulated,
    ) -> Result<(), RenderError> {
        let failed = |source| RenderError::Fetch {
            named_by: Some((at.file.to_owned(), field.to_owned())),
            url: remote::shown(name),
            source,
        };
        let is_component = field == "components";
        match self.brought.any(name, at.loader.is_of_this_machine(), !is_component).map_err(failed)? {
            Something::File(bytes) => {
                let shown = remote::shown(name);
                at.loader.count(&shown, bytes.len())?;
                let text = std::str::from_utf8(&bytes).map_err(|error| failed(error.into()))?;
                self.add_file(at, name, manifests::read(text, &shown)?, accumulated)
            }
            Something::Directory { remote, number, tree } => {
                let loader = at.loader.elsewhere(&*tree, number, &remote);
                let within = |source| RenderError::Elsewhere { url: remote.shown(""), source: Box::new(source) };
                let directory = root_of(&loader, &remote).map_err(within)?;
                let named = if is_component { Named::AsComponent } else { Named::AsBase };
                let inner = At {
                    loader: &loader,
                    directory: &directory,
                    named,
                    above: at.above,
                    origin: at.origin.at(name),
                    chart_namespace: at.chart_namespace,
                };
                if is_component {
                    return self.into(&inner, accumulated).map_err(within);
                }
                accumulated.absorb(self.base(&inner).map_err(within)?, at.file)
            }
        }
    }

    /// Accumulates the kustomization at the address of a directory in a repository elsewhere.
    pub(super) fn repository(&self, address: &str) -> Result<Accumulated, RenderError> {
        let failed = |source| RenderError::Fetch { named_by: None, url: remote::shown(address), source };
        let Something::Directory { remote, number, tree } = self.brought.any(address, true, false).map_err(failed)?
        else {
            return Err(failed("it is the address of a file".into()));
        };
        let loader = self.loader.elsewhere(&*tree, number, &remote);
        let within = |source| RenderError::Elsewhere { url: remote.shown(""), source: Box::new(source) };
        let directory = root_of(&loader, &remote).map_err(within)?;
        self.base(&At::alone(&loader, &directory, Named::ByCaller, &[])).map_err(within)
    }
}

/// The directory of a repository elsewhere that an address names.
fn root_of(loader: &Loader<'_>, remote: &Remote) -> Result<String, RenderError> {
    let path = target(&Place { file: &remote.path, field: "" }, "", &remote.path)?;
    if loader.kind(&path)? != Some(EntryKind::Directory) {
        return Err(RenderError::NoDirectory { path });
    }
    loader.real(&path)
}
