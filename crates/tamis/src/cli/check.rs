//! `tamis check`: every mistake of a system file with its place, or its plan. Needs no data and no network.

use super::{Failed, Of, planned};
use clap::Args;
use std::path::PathBuf;
use tamis_funnel::Registries;
use tamis_funnel::describe::{self, Sizes};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A folder that holds tamis.toml, or a .toml file
    #[arg(required_unless_present_any = ["schema", "manual"])]
    system: Option<PathBuf>,
    /// Where log and bundles are kept
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of system files, for editors
    #[arg(long)]
    schema: bool,
    /// Print the manual of system files
    #[arg(long)]
    manual: bool,
    /// Read the files too: how many decisions and positives they make, and which outcomes follow none
    #[arg(long, conflicts_with_all = ["schema", "manual"])]
    data: bool,
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        self.json
    }
}

pub(super) fn run(a: &Arguments) -> Result<(), Failed> {
    let vocabulary = Registries::default().vocabulary();
    if a.schema {
        let schema = tamis_spec::system::read::schema(&vocabulary);
        say!("{}", serde_json::to_string_pretty(&schema).expect("a schema is plain data"));
        return Ok(());
    }
    if a.manual {
        say!("{}", tamis_spec::system::read::reference(&vocabulary));
        say!("{}", super::features::manual());
        return Ok(());
    }
    let system = a.system.clone().unwrap_or_default();
    let (home, plan) = planned(&Of { system, home: a.home.clone(), json: a.json })?;
    if a.data {
        return super::check_data::run(&home, &plan, a.json);
    }
    let sizes = super::train::sizes(&home).map_or_else(Sizes::default, |[users, items, events]| Sizes {
        users: users as f64,
        items: items as f64,
        events: events as f64,
        counted: true,
    });
    let needed = describe::memory_bytes(&plan, &sizes);
    if a.json {
        say!("{}", serde_json::to_string_pretty(&describe::to_json(&plan, &sizes)).expect("a plan is plain data"));
    } else {
        say!("{}", describe::text(&plan, &sizes));
    }
    match plan.system.constraints.memory_bytes {
        Some(allowed) if sizes.counted && needed > allowed => Err(Failed::No(format!(
            "the plan needs about {}, [constraints] memory allows {}",
            describe::human_bytes(needed),
            describe::human_bytes(allowed)
        ))),
        _ => Ok(()),
    }
}
