//! The market as files, as a shop's export would have them.

use crate::{Event, What, World, key};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tamis_spec::time::format_time;

impl World {
    /// Writes items.csv, visitors.csv, impressions.csv, clicks.csv, purchases.csv and hides.csv into a directory, which is
    /// made if it is not there. Times are RFC 3339; rows of events are in the order of time.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        self.write_items(&mut create(dir, "items.csv")?)?;
        self.write_visitors(&mut create(dir, "visitors.csv")?)?;
        self.write_events(dir)
    }

    fn write_items(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "item,title,category,tags,price,added")?;
        for i in &self.items {
            let (price, added) = (money(i.price_cents), format_time(i.added_ms));
            writeln!(out, "{},{},{},{},{price},{added}", i.key, i.title, i.category, i.tags.join("|"))?;
        }
        out.flush()
    }

    fn write_visitors(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "visitor,age,country")?;
        for v in &self.visitors {
            writeln!(out, "{},{},{}", v.key, v.age, v.country)?;
        }
        out.flush()
    }

    fn write_events(&self, dir: &Path) -> io::Result<()> {
        let mut impressions = create(dir, "impressions.csv")?;
        let mut clicks = create(dir, "clicks.csv")?;
        let mut purchases = create(dir, "purchases.csv")?;
        let mut hides = create(dir, "hides.csv")?;
        writeln!(impressions, "list_id,time,visitor,item,position")?;
        writeln!(clicks, "time,visitor,item,list_id,dwell_s")?;
        writeln!(purchases, "time,visitor,item,amount")?;
        writeln!(hides, "time,visitor,item")?;
        for event in &self.events {
            let Event { time_ms, visitor, item, list, what } = event;
            let (time, list) = (format_time(*time_ms), key('l', *list));
            let (visitor, item) = (&self.visitors[*visitor].key, &self.items[*item].key);
            match what {
                What::Impression { position } => writeln!(impressions, "{list},{time},{visitor},{item},{position}")?,
                What::Click { dwell_s } => writeln!(clicks, "{time},{visitor},{item},{list},{dwell_s}")?,
                What::Purchase { amount_cents } => {
                    writeln!(purchases, "{time},{visitor},{item},{}", money(*amount_cents))?;
                }
                What::Hide => writeln!(hides, "{time},{visitor},{item}")?,
            }
        }
        impressions.flush()?;
        clicks.flush()?;
        purchases.flush()?;
        hides.flush()
    }
}

fn create(dir: &Path, name: &str) -> io::Result<BufWriter<File>> {
    File::create(dir.join(name)).map(BufWriter::new)
}

fn money(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
