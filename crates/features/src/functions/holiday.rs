//! `holiday`: whether a moment falls on a public holiday.

use crate::call;
use crate::function::{Eval, Function, Node};
use crate::names::Cx;
use crate::operators::OfTimes;
use chrono::NaiveDate;
use holidays::{Builder, Country};
use tamis_spec::diagnostic::Diagnostic;
use tamis_spec::expr::{Call, Node as Tree};
use tamis_spec::kind::Kind;
use tamis_spec::time::{DAY_MS, civil};

pub(super) const KIND: Kind<dyn Function> = Kind {
    name: "holiday",
    about: "Whether a moment, in UTC, is on a public holiday of a country, by its two letters of ISO 3166; known for 2000 to 2030, else missing.",
    example: "holiday(now, \"DE\")",
    params: &[],
    it: &Holiday,
};

/// The years that are known.
const YEARS: std::ops::RangeInclusive<i64> = 2000..=2030;

macro_rules! countries {
    ($($code:ident),*) => {
        const COUNTRIES: &[(&str, Country)] = &[$((stringify!($code), Country::$code)),*];
    };
}
countries!(
    AO, AR, AM, AW, AU, AT, AZ, BD, BY, BE, BO, BA, BW, BR, BG, BI, CA, CL, CN, CO, HR, CU, CW, CY, CZ, DK, DJ, DO, EG,
    EE, ET, FI, FR, GE, DE, GR, HN, HK, HU, IS, IN, ID, IE, IM, IL, IT, JM, JP, KZ, KE, LV, LS, LI, LT, LU, MG, MY, MW,
    MT, MX, MD, MA, MZ, NL, NA, NZ, NI, NG, MK, NO, PK, PY, PE, PL, PT, RO, RU, SA, RS, SG, SK, SI, ZA, KR, ES, SZ, SE,
    CH, TW, TR, TN, UA, AE, GB, US, UY, UZ, VE, VN, ZM, ZW
);

struct Holiday;
impl Function for Holiday {
    fn read(&self, call: &Call, cx: &mut Cx<'_>) -> Result<Node, Diagnostic> {
        call::shape(call, 2, &[], false)?;
        let span = call.args[1].span.clone();
        let Tree::Text(code) = &call.args[1].node else {
            return Err(Diagnostic::new(span, "`holiday` takes a country in quotes").help("for example \"DE\""));
        };
        let Some((_, country)) = COUNTRIES.iter().find(|(known, _)| known == code) else {
            return Err(Diagnostic::unknown(span, "country", code, COUNTRIES.iter().map(|(known, _)| *known)));
        };
        let days = days_of(*country).map_err(|e| Diagnostic::new(span, format!("no holidays of `{code}`: {e}")))?;
        let of = cx.node(&call.args[0])?;
        match of.eval {
            Eval::Times(times) => Ok(Node::bool(of.per, OfTimes { of: times, f: move |t, _| is_in(&days, t) })),
            _ => Err(call::wrong("holiday", call.args[0].span.clone(), "a time", of.ty.name())),
        }
    }
}

/// Days since 1970, ascending.
fn days_of(country: Country) -> Result<Vec<i64>, String> {
    let known = Builder::new().countries(&[country]).build().map_err(|e| e.to_string())?;
    let years = known.get(&country).into_iter().flat_map(|years| years.values());
    // The default of a date is 1970-01-01.
    let day = |date: &_| NaiveDate::signed_duration_since(*date, NaiveDate::default()).num_days();
    let mut days: Vec<i64> = years.flat_map(|year| year.keys().map(day)).collect();
    days.sort_unstable();
    Ok(days)
}

fn is_in(days: &[i64], t: i64) -> f32 {
    let day = t.div_euclid(DAY_MS);
    let (year, _, _) = civil(day);
    if YEARS.contains(&year) { f32::from(days.binary_search(&day).is_ok()) } else { f32::NAN }
}
