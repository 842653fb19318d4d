//! The slow reference: every feature by its definition, as a look at each earlier event of the whole log.

use std::cmp::Ordering::Less;

/// Actors and the log, as plain structs. Words, users and films are small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    /// Described users.
    pub(super) genders: Vec<Option<u32>>,
    /// Described films; films past the end are known from events alone.
    pub(super) films: Vec<Film>,
    /// In the order of time.
    pub(super) log: Vec<Happening>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Film {
    pub(super) year: Option<f32>,
    pub(super) director: Option<u32>,
    /// Word and weight.
    pub(super) genres: Vec<(u32, f32)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Rating,
    Click,
    Impression,
    /// Of another user, whose number stands in `movie`.
    Follow,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Happening {
    pub(super) time: i64,
    pub(super) kind: Kind,
    pub(super) user: Option<u32>,
    pub(super) movie: Option<u32>,
    /// Of ratings.
    pub(super) stars: Option<f32>,
}

/// One candidate of one decision.
pub(super) struct Asked<'w> {
    pub(super) world: &'w World,
    pub(super) now: i64,
    pub(super) user: u32,
    pub(super) movie: u32,
}

/// The past and the candidate, to a value.
type Definition = fn(&Asked<'_>) -> f32;

const RATING: fn(&Happening) -> bool = |e| e.kind == Kind::Rating;
const LIKED: fn(&Happening) -> bool = |e| e.kind == Kind::Rating && e.stars.is_some_and(|s| s >= 4.0);
const CLICK: fn(&Happening) -> bool = |e| e.kind == Kind::Click;
const FOLLOW: fn(&Happening) -> bool = |e| e.kind == Kind::Follow;
const IMPRESSION: fn(&Happening) -> bool = |e| e.kind == Kind::Impression;

#[derive(Clone, Copy)]
enum By {
    User,
    Movie,
    Both,
    Gender,
    Director,
    UserAndDirector,
    /// Every event.
    All,
}
use By::{All, Both, Director, Gender, Movie, User, UserAndDirector};

/// Every function of the past with every option, and what it means.
pub(super) const FEATURES: &[(&str, Definition)] = &[
    ("count(rating, by = user)", |a| a.n(RATING, User)),
    ("count(rating, by = movie)", |a| a.n(RATING, Movie)),
    ("count(rating, by = (user, movie))", |a| a.n(RATING, Both)),
    ("count(rating, by = movie.director)", |a| a.n(RATING, Director)),
    ("count(rating, by = (user, movie.director))", |a| a.n(RATING, UserAndDirector)),
    ("count(click, by = user.gender)", |a| a.n(CLICK, Gender)),
    ("count(liked, by = movie, within = 10s)", |a| a.n_within(LIKED, Movie, 10)),
    ("count(liked, by = movie, within = 3s)", |a| a.n_within(LIKED, Movie, 3)),
    ("count(impression, by = (user, movie), within = 5s)", |a| a.n_within(IMPRESSION, Both, 5)),
    ("count(rating, by = movie, half_life = 5s)", |a| a.faded(RATING, Movie, 5, |_, _| Some(1.0)).0),
    ("count(rating where rating.stars < 3, by = user)", |a| {
        a.past(RATING, User).iter().filter(|e| e.stars.is_some_and(|s| s < 3.0)).count() as f32
    }),
    ("count(liked where user.gender == \"w1\", by = movie, within = 9s)", |a| {
        let of = a.within(LIKED, Movie, 9);
        of.iter().filter(|e| a.world.gender(e.user) == Some(1)).count() as f32
    }),
    ("sum(rating.stars, by = user)", |a| a.stars(RATING, User).iter().sum()),
    ("sum(rating.stars, by = user, within = 20s)", |a| a.within(RATING, User, 20).iter().filter_map(|e| e.stars).sum()),
    ("sum(rating.stars, by = user, half_life = 7s)", |a| a.faded(RATING, User, 7, |_, e| e.stars).0),
    ("sum(click.movie.year where click.user.gender == \"w0\", by = movie.director)", |a| {
        let of = a.past(CLICK, Director);
        let of = of.iter().filter(|e| a.world.gender(e.user) == Some(0));
        of.filter_map(|e| a.world.film(e.movie)?.year).sum()
    }),
    ("mean(rating.stars, by = movie)", |a| mean(&a.stars(RATING, Movie))),
    ("mean(rating.stars, by = movie, within = 6s)", |a| {
        mean(&a.within(RATING, Movie, 6).iter().filter_map(|e| e.stars).collect::<Vec<_>>())
    }),
    ("mean(rating.stars, by = movie, half_life = 4s)", |a| {
        let (sum, n) = a.faded(RATING, Movie, 4, |_, e| e.stars);
        if n > 0.0 { sum / n } else { f32::NAN }
    }),
    ("mean(rating.stars, by = user, last = 2)", |a| mean(latest(&a.stars(RATING, User), 2))),
    ("mean(rating.movie.year, by = user, last = 3)", |a| {
        let of = a.past(RATING, User);
        mean(latest(&of.iter().filter_map(|e| a.world.film(e.movie)?.year).collect::<Vec<_>>(), 3))
    }),
    ("movie.year - mean(liked.movie.year, by = user)", |a| {
        let of = a.past(LIKED, User);
        let years: Vec<f32> = of.iter().filter_map(|e| a.world.film(e.movie)?.year).collect();
        a.film().and_then(|f| f.year).unwrap_or(f32::NAN) - mean(&years)
    }),
    ("min(rating.stars, by = user)", |a| least(&a.stars(RATING, User))),
    ("max(rating.stars, by = movie)", |a| most(&a.stars(RATING, Movie))),
    ("min(liked.stars where user.gender == \"w1\", by = movie, within = 7s)", |a| {
        let of = a.within(LIKED, Movie, 7);
        let of: Vec<f32> = of.iter().filter(|e| a.world.gender(e.user) == Some(1)).filter_map(|e| e.stars).collect();
        least(&of)
    }),
    ("max(rating.stars, by = user, within = 12s)", |a| {
        most(&a.within(RATING, User, 12).iter().filter_map(|e| e.stars).collect::<Vec<_>>())
    }),
    ("max(rating.movie.year, by = (user, movie.director), within = 20s)", |a| {
        let of = a.within(RATING, UserAndDirector, 20);
        most(&of.iter().filter_map(|e| a.world.film(e.movie)?.year).collect::<Vec<_>>())
    }),
    ("min(rating.stars, by = user, last = 3)", |a| least(latest(&a.stars(RATING, User), 3))),
    ("max(click.movie.year, by = user, last = 2)", |a| {
        let of = a.past(CLICK, User);
        most(latest(&of.iter().filter_map(|e| a.world.film(e.movie)?.year).collect::<Vec<_>>(), 2))
    }),
    ("distinct(rating.movie, by = user)", |a| different(a.past(RATING, User).iter().map(|e| e.movie))),
    ("distinct(click.user where movie.year > 1990, by = movie.director, within = 6s)", |a| {
        let of = a.within(CLICK, Director, 6);
        let new = |e: &&&Happening| a.world.film(e.movie).and_then(|f| f.year).is_some_and(|y| y > 1990.0);
        different(of.iter().filter(new).map(|e| e.user))
    }),
    ("distinct(rating.movie.director, by = user, within = 15s)", |a| {
        different(a.within(RATING, User, 15).iter().map(|e| a.world.film(e.movie)?.director))
    }),
    // Few of many registers meet: rounded, the estimate is exact but for a rare collision.
    ("distinct(rating.movie, by = user.gender, sketch = 16)", |a| {
        let n = different(a.past(RATING, Gender).iter().map(|e| e.movie));
        if n == 0.0 { 0.0 } else { 65_536.0 * (65_536.0 / (65_536.0 - n)).ln() }
    }),
    ("trend(click, by = movie, short = 3s, long = 12s)", |a| {
        let (short, long) = (a.n_within(CLICK, Movie, 3), a.n_within(CLICK, Movie, 12));
        (((short + 0.25) / 3.0) / ((long + 1.0) / 12.0)).ln()
    }),
    ("rate(liked / rating, by = movie)", |a| a.n(LIKED, Movie) / nonzero(a.n(RATING, Movie))),
    ("rate(click / impression, by = (user, movie))", |a| a.n(CLICK, Both) / nonzero(a.n(IMPRESSION, Both))),
    ("rate(click / impression, by = movie.director, prior = 3)", |a| {
        let expected = share(a.n(CLICK, All), a.n(IMPRESSION, All));
        (a.n(CLICK, Director) + 3.0 * expected) / (a.n(IMPRESSION, Director) + 3.0)
    }),
    ("rate(liked / rating, by = user, prior = 2, expected = 0.5)", |a| {
        (a.n(LIKED, User) + 1.0) / (a.n(RATING, User) + 2.0)
    }),
    ("rate(click / impression, by = movie, within = 8s, prior = 1)", |a| {
        let expected = share(a.n_within(CLICK, All, 8), a.n_within(IMPRESSION, All, 8));
        (a.n_within(CLICK, Movie, 8) + expected) / (a.n_within(IMPRESSION, Movie, 8) + 1.0)
    }),
    ("rate(click / rating, by = user, half_life = 3s, prior = 1, expected = 0.1)", |a| {
        let one = |_: &World, _: &Happening| Some(1.0);
        (a.faded(CLICK, User, 3, one).0 + 0.1) / (a.faded(RATING, User, 3, one).0 + 1.0)
    }),
    ("last(rating.stars, by = user)", |a| a.stars(RATING, User).last().copied().unwrap_or(f32::NAN)),
    ("last(liked.stars where movie.year > 1990, by = (user, movie.director))", |a| {
        let of = a.past(LIKED, UserAndDirector);
        let new = |e: &&&Happening| a.world.film(e.movie).and_then(|f| f.year).is_some_and(|y| y > 1990.0);
        of.iter().filter(new).filter_map(|e| e.stars).next_back().unwrap_or(f32::NAN)
    }),
    ("missing(last(rating.stars, by = movie))", |a| f32::from(a.stars(RATING, Movie).is_empty())),
    ("since(liked, by = user)", |a| a.hours(a.past(LIKED, User).iter().map(|e| e.time).max())),
    ("since(rating where rating.stars <= 2, by = movie)", |a| {
        let of = a.past(RATING, Movie);
        a.hours(of.iter().filter(|e| e.stars.is_some_and(|s| s <= 2.0)).map(|e| e.time).max())
    }),
    ("since(rating, by = movie, from = \"first\")", |a| a.hours(a.past(RATING, Movie).iter().map(|e| e.time).min())),
    ("since(click, by = movie.director, from = \"last\")", |a| {
        a.hours(a.past(CLICK, Director).iter().map(|e| e.time).max())
    }),
    ("count(rating, by = movie.genres)", |a| a.by_genre(RATING, false, None).len() as f32),
    ("count(click, by = (user, movie.genres), within = 9s)", |a| a.by_genre(CLICK, true, Some(9)).len() as f32),
    ("sum(rating.stars, by = (movie.genres, user))", |a| {
        a.by_genre(RATING, true, None).iter().filter_map(|e| e.stars).sum()
    }),
    ("mean(rating.stars, by = movie.genres, within = 11s)", |a| {
        mean(&a.by_genre(RATING, false, Some(11)).iter().filter_map(|e| e.stars).collect::<Vec<_>>())
    }),
    ("rate(click / impression, by = movie.genres, prior = 2, expected = 0.25)", |a| {
        let (clicks, shown) = (a.by_genre(CLICK, false, None).len(), a.by_genre(IMPRESSION, false, None).len());
        (clicks as f32 + 0.5) / (shown as f32 + 2.0)
    }),
    ("count(follow, by = user, as = other)", |a| a.followed().len() as f32),
    ("count(follow, by = user)", |a| a.n(|e| e.kind == Kind::Follow, User)),
    ("since(follow, by = user, as = follow.other)", |a| a.hours(a.followed().iter().map(|e| e.time).max())),
    ("count(click, by = (user, movie), as = (click.user, movie), within = 7s)", |a| a.n_within(CLICK, Both, 7)),
    ("count(rating, by = all)", |a| a.n(RATING, All)),
    ("count(liked, by = all, within = 6s)", |a| a.n_within(LIKED, All, 6)),
    ("count(discovery, by = movie)", |a| a.discoveries().iter().filter(|e| e.movie == Some(a.movie)).count() as f32),
    ("count(discovery where user.gender == \"w1\", by = movie, within = 14s)", |a| {
        let of = a.discoveries();
        let counts = |e: &&&Happening| e.movie == Some(a.movie) && a.world.gender(e.user) == Some(1);
        of.iter().filter(counts).filter(|e| a.now - 14_000 <= e.time).count() as f32
    }),
    ("distinct(discovery.movie, by = user)", |a| {
        different(a.discoveries().iter().filter(|e| e.user == Some(a.user)).map(|e| e.movie))
    }),
    ("seen(rating, by = (user, movie))", |a| a.n(RATING, Both).min(1.0)),
    ("seen(impression, by = movie, within = 4s)", |a| a.n_within(IMPRESSION, Movie, 4).min(1.0)),
    ("seen(click where movie.director == \"w2\", by = user)", |a| {
        let of = a.past(CLICK, User);
        f32::from(of.iter().any(|e| a.world.film(e.movie).and_then(|f| f.director) == Some(2)))
    }),
    ("cosine(histogram(liked.movie.genres, by = user), movie.genres)", |a| {
        cosine(&genres(a.world, &a.past(LIKED, User)), &a.genres())
    }),
    ("cosine(movie.genres, histogram(rating.movie.genres, by = user, half_life = 6s))", |a| {
        let mut sum = [0.0; 4];
        for e in a.past(RATING, User) {
            let left = (-((a.now - e.time) as f32) / 6_000.0).exp2();
            genres(a.world, &[e]).iter().zip(&mut sum).for_each(|(w, s)| *s += w * left);
        }
        cosine(&sum, &a.genres())
    }),
    ("dot(histogram(rating.movie.genres where rating.stars > 2, by = user.gender), movie.genres)", |a| {
        let mut of = a.past(RATING, Gender);
        of.retain(|e| e.stars.is_some_and(|s| s > 2.0));
        dot(&genres(a.world, &of), &a.genres())
    }),
    ("overlap(histogram(click.movie.director, by = movie), movie.genres)", |a| {
        overlap(&directors(a.world, &a.past(CLICK, Movie)), &a.genres())
    }),
    ("matches(movie.director, histogram(rating.movie.director, by = user))", |a| {
        let of = directors(a.world, &a.past(RATING, User));
        a.film().and_then(|f| f.director).map_or(f32::NAN, |d| of[d as usize])
    }),
    ("cosine(recent(rating.movie.genres, by = user, last = 2), movie.genres)", |a| {
        cosine(&genres(a.world, latest(&a.met(RATING), 2)), &a.genres())
    }),
    ("overlap(movie.genres, recent(liked.movie.genres, by = user))", |a| {
        overlap(&genres(a.world, latest(&a.met(LIKED), 10)), &a.genres())
    }),
    ("missing(recent(click.movie where user.gender == \"w0\", by = user))", |a| {
        let met = a.met(CLICK);
        f32::from(!met.iter().any(|e| a.world.gender(e.user) == Some(0)))
    }),
    ("similar(recent(liked.movie, by = user, last = 3), movie.genres)", |a| mean(&a.likenesses())),
    ("similar(recent(liked.movie, by = user, last = 3), movie.genres, take = \"best\")", |a| {
        a.likenesses().into_iter().reduce(f32::max).unwrap_or(f32::NAN)
    }),
    // A window that is longer than the log has all of it.
    ("count(rating, by = movie, within = 9000d)", |a| a.n(RATING, Movie)),
    // Nobody has a mentor, whose mentor would be somebody.
    ("missing(user.mentor.mentor.mentor.age)", |_| 1.0),
    ("length(neighbours(rating.user, by = movie))", |a| {
        set_of(a.past(RATING, Movie).iter().map(|e| e.user)).len() as f32
    }),
    ("length(neighbours(follow.other, by = user, last = 2))", |a| {
        let met = a.met(FOLLOW);
        set_of(latest(&met, 2).iter().map(|e| e.movie)).len() as f32
    }),
    ("common(neighbours(follow.other, by = user), neighbours(liked.user, by = movie))", |a| {
        let followed = set_of(a.past(FOLLOW, User).iter().map(|e| e.movie));
        let fans = set_of(a.past(LIKED, Movie).iter().map(|e| e.user));
        followed.iter().filter(|f| fans.contains(f)).count() as f32
    }),
    ("pagerank(follow.other, by = user)", |a| a.page_rank()),
];

fn set_of(of: impl Iterator<Item = Option<u32>>) -> std::collections::BTreeSet<u32> {
    of.flatten().collect()
}

impl World {
    pub(super) fn gender(&self, user: Option<u32>) -> Option<u32> {
        *self.genders.get(user? as usize)?
    }

    pub(super) fn film(&self, movie: Option<u32>) -> Option<&Film> {
        self.films.get(movie? as usize)
    }
}

impl<'w> Asked<'w> {
    /// Earlier events of the candidate's key, oldest first; none when a part of the key is missing.
    fn past(&self, of: fn(&Happening) -> bool, by: By) -> Vec<&'w Happening> {
        let director = |m: Option<u32>| self.world.film(m).and_then(|f| f.director);
        let same = |a: Option<u32>, b: Option<u32>| a.is_some() && a == b;
        let mut found = Vec::new();
        for e in &self.world.log {
            if e.time.cmp(&self.now) != Less || !of(e) {
                continue;
            }
            let user = same(e.user, Some(self.user));
            let movie = same(e.movie, Some(self.movie));
            let directed = same(director(e.movie), director(Some(self.movie)));
            let joins = match by {
                User => user,
                Movie => movie,
                Both => user && movie,
                Gender => same(self.world.gender(e.user), self.world.gender(Some(self.user))),
                Director => directed,
                UserAndDirector => user && directed,
                All => true,
            };
            if joins {
                found.push(e);
            }
        }
        found
    }

    /// Earlier events in which the user was followed.
    fn followed(&self) -> Vec<&'w Happening> {
        let log = self.world.log.iter().filter(|e| e.kind == Kind::Follow && e.time < self.now);
        log.filter(|e| e.movie == Some(self.user)).collect()
    }

    /// Earlier events of films with a genre of the candidate's, once for each genre that they share.
    fn by_genre(&self, of: fn(&Happening) -> bool, own: bool, seconds: Option<i64>) -> Vec<&'w Happening> {
        let mut found = Vec::new();
        for (genre, _) in self.film().map_or(&[][..], |f| &f.genres) {
            for e in self.past(of, All) {
                let shared = self.world.film(e.movie).is_some_and(|f| f.genres.iter().any(|(g, _)| g == genre));
                let recent = seconds.is_none_or(|s| self.now - s * 1_000 <= e.time);
                if shared && recent && (!own || e.user == Some(self.user)) {
                    found.push(e);
                }
            }
        }
        found
    }

    /// The first rating of at least two stars of every user and film, each also where one is missing.
    fn discoveries(&self) -> Vec<&'w Happening> {
        let mut found: Vec<&Happening> = Vec::new();
        for e in self.past(|e| e.kind == Kind::Rating && e.stars.is_some_and(|s| s >= 2.0), All) {
            if !found.iter().any(|f| (f.user, f.movie) == (e.user, e.movie)) {
                found.push(e);
            }
        }
        found
    }

    fn n(&self, of: fn(&Happening) -> bool, by: By) -> f32 {
        self.past(of, by).len() as f32
    }

    /// Those of the last seconds: the oldest moment is in, now is not.
    fn within(&self, of: fn(&Happening) -> bool, by: By, seconds: i64) -> Vec<&'w Happening> {
        let mut found = self.past(of, by);
        found.retain(|e| self.now - seconds * 1_000 <= e.time);
        found
    }

    fn n_within(&self, of: fn(&Happening) -> bool, by: By, seconds: i64) -> f32 {
        self.within(of, by, seconds).len() as f32
    }

    /// Σ value · 2^(-age / half-life), and Σ 2^(-age / half-life), over events with a value.
    fn faded(
        &self,
        of: fn(&Happening) -> bool,
        by: By,
        half_life_s: i64,
        value: fn(&World, &Happening) -> Option<f32>,
    ) -> (f32, f32) {
        let (mut sum, mut n) = (0.0, 0.0);
        for e in self.past(of, by) {
            let left = (-((self.now - e.time) as f32) / (half_life_s * 1_000) as f32).exp2();
            if let Some(v) = value(self.world, e) {
                (sum, n) = (sum + v * left, n + left);
            }
        }
        (sum, n)
    }

    fn stars(&self, of: fn(&Happening) -> bool, by: By) -> Vec<f32> {
        self.past(of, by).iter().filter_map(|e| e.stars).collect()
    }

    fn hours(&self, time: Option<i64>) -> f32 {
        time.map_or(f32::NAN, |t| (self.now - t) as f32 / 3_600_000.0)
    }

    fn film(&self) -> Option<&'w Film> {
        self.world.film(Some(self.movie))
    }

    fn genres(&self) -> [f32; 4] {
        film_genres(self.film())
    }

    /// The user's events that name a film.
    fn met(&self, of: fn(&Happening) -> bool) -> Vec<&'w Happening> {
        let mut found = self.past(of, User);
        found.retain(|e| e.movie.is_some());
        found
    }

    /// By the definition, over the edges there were when they had last grown by a tenth.
    fn page_rank(&self) -> f32 {
        let edge = |e: &&Happening| Some((e.user?, e.movie?));
        let before = self.world.log.iter().filter(|e| e.time < self.now && FOLLOW(e));
        let edges: Vec<(u32, u32)> = before.collect::<Vec<_>>().iter().filter_map(edge).collect();
        let (mut n, mut next) = (0, 1);
        while next <= edges.len() {
            (n, next) = (next, next + (next / 10).max(1));
        }
        let edges = &edges[..n];
        let named: Vec<u32> = set_of(edges.iter().flat_map(|(a, b)| [Some(*a), Some(*b)])).into_iter().collect();
        let mut ranks = vec![1.0f32; named.len()];
        for _ in 0..30 {
            let mut next = vec![0.15; named.len()];
            for (i, from) in named.iter().enumerate() {
                let out: Vec<u32> = edges.iter().filter(|e| e.0 == *from).map(|e| e.1).collect();
                let given = if out.is_empty() { &named } else { &out };
                for to in given {
                    let at = named.iter().position(|n| n == to).expect("it is named");
                    next[at] += 0.85 * ranks[i] / given.len() as f32;
                }
            }
            ranks = next;
        }
        named.iter().position(|n| *n == self.user).map_or(f32::NAN, |at| ranks[at])
    }

    /// Cosines with the latest three films liked.
    fn likenesses(&self) -> Vec<f32> {
        let met = self.met(LIKED);
        latest(&met, 3).iter().map(|e| cosine(&film_genres(self.world.film(e.movie)), &self.genres())).collect()
    }
}

fn film_genres(film: Option<&Film>) -> [f32; 4] {
    let mut out = [0.0; 4];
    film.into_iter().flat_map(|f| &f.genres).for_each(|(word, weight)| out[*word as usize] += weight);
    out
}

fn genres(world: &World, of: &[&Happening]) -> [f32; 4] {
    let mut out = [0.0; 4];
    for e in of {
        film_genres(world.film(e.movie)).iter().zip(&mut out).for_each(|(w, o)| *o += w);
    }
    out
}

fn directors(world: &World, of: &[&Happening]) -> [f32; 4] {
    let mut out = [0.0; 4];
    of.iter().filter_map(|e| world.film(e.movie)?.director).for_each(|d| out[d as usize] += 1.0);
    out
}

fn latest<T>(of: &[T], n: usize) -> &[T] {
    &of[of.len().saturating_sub(n)..]
}

fn mean(of: &[f32]) -> f32 {
    if of.is_empty() { f32::NAN } else { of.iter().sum::<f32>() / of.len() as f32 }
}

/// 0 of nothing.
fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn different(of: impl Iterator<Item = Option<u32>>) -> f32 {
    of.flatten().collect::<std::collections::BTreeSet<u32>>().len() as f32
}

fn least(of: &[f32]) -> f32 {
    of.iter().copied().reduce(f32::min).unwrap_or(f32::NAN)
}

fn most(of: &[f32]) -> f32 {
    of.iter().copied().reduce(f32::max).unwrap_or(f32::NAN)
}

/// NaN for 0, which nothing can be divided by.
fn nonzero(n: f32) -> f32 {
    if n == 0.0 { f32::NAN } else { n }
}

fn dot(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cosine(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let norm = dot(a, a).sqrt() * dot(b, b).sqrt();
    if norm > 0.0 { dot(a, b) / norm } else { 0.0 }
}

fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let sum = |f: fn(f32, f32) -> f32| a.iter().zip(b).map(|(a, b)| f(*a, *b)).sum::<f32>();
    if sum(f32::max) > 0.0 { sum(f32::min) / sum(f32::max) } else { 0.0 }
}
