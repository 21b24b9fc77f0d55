//! The definitions and imports of a Rust file.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A path such as `crate::pool::Pool`, from the root of its crate: `["pool", "Pool"]`.
pub(super) type Names = Vec<String>;

/// A file of a crate, without its tests.
#[derive(Default)]
pub(super) struct Imports {
    /// The module of the file.
    pub(super) module: Names,
    /// The names defined at its top level, inline modules included.
    pub(super) defined: BTreeSet<String>,
    /// The names imported from its crate, each with its path.
    pub(super) taken: BTreeMap<String, Names>,
    /// The modules of its crate that it imports with `*`.
    pub(super) globs: Vec<Names>,
    /// All paths into its crate that it uses.
    pub(super) paths: BTreeSet<Names>,
    /// The test modules in separate files.
    pub(super) tests: Vec<Names>,
}

impl Imports {
    /// Reads the file of a module.
    ///
    /// # Errors
    /// If the text is not Rust.
    pub(super) fn read(module: Names, text: &str) -> syn::Result<Self> {
        let file = syn::parse_file(text)?;
        let mut children = BTreeSet::new();
        let mut read = Self { module: module.clone(), ..Self::default() };
        for item in &file.items {
            let Item::Mod(item) = item else {
                read.defined.extend(defined(item));
                continue;
            };
            let name = item.ident.to_string();
            if item.content.is_some() {
                read.defined.insert(name);
            } else if is_test(&item.attrs) {
                read.tests.push(child(&module, &name));
            } else {
                children.insert(name);
            }
        }
        let mut walk = Walk { read: &mut read, place: module, children, uses_only: true };
        // `use` items first: a path may start with a name imported further down.
        walk.visit_file(&file);
        walk.uses_only = false;
        walk.visit_file(&file);
        Ok(read)
    }
}

/// The name that an item defines, if others can import it.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn child(module: &[String], name: &str) -> Names {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Whether an item is compiled only for tests.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Finds the paths of a file.
struct Walk<'a> {
    read: &'a mut Imports,
    /// The current module, inline ones included.
    place: Names,
    /// The submodules that are files.
    children: BTreeSet<String>,
    uses_only: bool,
}

impl Walk<'_> {
    /// The path from the crate's root, if it leads into the crate.
    fn absolute(&self, path: &[String]) -> Option<Names> {
        let (first, mut rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.place.clone(),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                rest = path.get(ups..)?;
                self.place.get(..self.place.len().checked_sub(ups)?)?.to_vec()
            }
            name if self.place == self.read.module && self.children.contains(name) => {
                child(&self.place, name)
            }
            name => self.read.taken.get(name)?.clone(),
        };
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn take(&mut self, tree: &UseTree, before: &[String]) {
        match tree {
            UseTree::Path(path) => self.take(&path.tree, &child(before, &path.ident.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take(tree, before)),
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let path = child(before, &name);
                match before.last() {
                    Some(module) if name == "self" => self.keep(module.clone(), before),
                    _ => self.keep(name, &path),
                }
            }
            UseTree::Rename(rename) => {
                let path = child(before, &rename.ident.to_string());
                self.keep(rename.rename.to_string(), &path);
            }
            UseTree::Glob(_) => self.read.globs.extend(self.absolute(before)),
        }
    }

    fn keep(&mut self, name: String, path: &[String]) {
        if let Some(path) = self.absolute(path) {
            self.read.paths.insert(path.clone());
            // Only top-level imports can be re-exported.
            if self.place == self.read.module {
                self.read.taken.insert(name, path);
            }
        }
    }

    fn name(&mut self, path: &[String]) {
        if path.len() > 1 && !self.uses_only {
            self.read.paths.extend(self.absolute(path));
        }
    }

    /// The paths in a macro's arguments, which are not parsed: names joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Names = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.name(&path);
                    path = vec![ident.to_string()];
                }
                TokenTree::Group(group) => {
                    self.name(&std::mem::take(&mut path));
                    self.tokens(group.stream());
                }
                _ => self.name(&std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.name(&path);
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            self.place.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.place.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if self.uses_only && !is_test(&item.attrs) {
            self.take(&item.tree, &[]);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none() {
            self.name(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}
