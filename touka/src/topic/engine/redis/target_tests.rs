//! Tests of [`Target`].

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::fault::FaultKind;
use super::target::{Address, Credentials, Service, Target};

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), port }
}

fn parse(url: &str) -> Target {
    Target::parse(url).unwrap_or_else(|fault| panic!("{url}: {fault}"))
}

#[test]
fn a_direct_url_has_defaults() {
    let target = parse("redis://host");
    assert_eq!(target.service, Service::Direct(tcp("host", 6379)));
    assert_eq!((target.credentials.clone(), target.database, target.tls), (None, 0, false));
    assert_eq!(target.place(), "redis://host:6379");
    assert_eq!(parse("redis://host/"), target);
    assert_eq!(parse("REDIS://host:6379/0"), target);

    let target = parse("redis://[::1]:7000/3");
    assert_eq!((target.service.clone(), target.database), (Service::Direct(tcp("::1", 7000)), 3));
    assert_eq!(target.place(), "redis://[::1]:7000/3");
}

#[test]
fn credentials_are_decoded_and_not_shown() {
    let target = parse("redis://us%40er:p%2F%3a%25%C3%A9@host/1");
    let expected = Credentials { user: "us@er".into(), password: "p/:%é".into() };
    assert_eq!(target.credentials.as_ref(), Some(&expected));
    assert_eq!(target.place(), "redis://host:6379/1");
    assert!(!format!("{target:?}").contains("p/:%"), "{target:?}");

    let target = parse("redis://:a@b:c@host");
    assert_eq!(target.credentials.unwrap().password, "a@b:c", "characters that need no encoding to be understood");
    assert_eq!(parse("redis://:@host").credentials, None);
}

#[test]
fn sentinels_share_a_service() {
    let target = parse("redis+sentinel://u:p@a,b:1,[::2]/my%20service/4");
    let sentinels = vec![tcp("a", 26379), tcp("b", 1), tcp("::2", 26379)];
    assert_eq!(target.service, Service::Sentinel { name: "my service".into(), sentinels });
    assert_eq!((target.database, target.tls), (4, false));
    assert_eq!(target.place(), "redis+sentinel://a:26379,b:1,[::2]:26379/my service/4");
}

#[test]
fn servers_of_a_cluster_share_credentials() {
    let target = parse("redis://u:p@a,b:1,[::2]/0");
    assert_eq!(target.service, Service::Cluster(vec![tcp("a", 6379), tcp("b", 1), tcp("::2", 6379)]));
    assert_eq!((target.database, target.credentials.is_some()), (0, true));
    assert_eq!(target.place(), "redis://a:6379,b:1,[::2]:6379");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_a_path_and_a_database() {
    let target = parse("redis+unix://:p@/run/re%64is.sock?db=2");
    assert_eq!(target.service, Service::Direct(Address::Unix("/run/redis.sock".into())));
    assert_eq!((target.database, target.credentials.is_some()), (2, true));
    assert_eq!(target.place(), "redis+unix:///run/redis.sock?db=2");
    assert_eq!(parse("unix:///a").database, 0);
}

#[test]
fn tls_needs_its_feature() {
    for url in ["rediss://host", "rediss+sentinel://host/service"] {
        match Target::parse(url) {
            Ok(target) if cfg!(feature = "tls") => assert!(target.tls),
            Err(fault) if !cfg!(feature = "tls") => {
                assert!(fault.to_string().contains("the feature `tls` of touka"), "{fault}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_error_names_the_part_that_is_wrong() {
    for (url, part) in [
        ("", "must begin with redis://"),
        ("host:6379", "must begin with redis://"),
        ("http://host", "must begin with redis://"),
        ("redis://", "no host"),
        ("redis:///0", "no host"),
        ("redis://:6379", "no host"),
        ("redis://:secret", "no host"),
        ("redis://ho st", "a space"),
        ("redis://host:0", "the port"),
        ("redis://host:65536", "the port"),
        ("redis://host:+1", "the port"),
        ("redis://host:", "the port"),
        ("redis://::1", "no host"),
        ("redis://fe80::1", "in brackets"),
        ("redis://[::1", "no `]`"),
        ("redis://[host]", "not an IPv6 address"),
        ("redis://[::1]6379", "the port"),
        ("redis://host/x", "the database"),
        ("redis://host/-1", "the database"),
        ("redis://host/0/1", "the database"),
        ("redis://host/99999999999", "the database"),
        ("redis://a,b/1", "redis+sentinel://"),
        ("redis://a,", "no host"),
        ("redis://user@host", "a user without a password"),
        ("redis://u:%zz@host", "begins no character"),
        ("redis://u:%f@host", "begins no character"),
        ("redis://u:%ff@host", "begins no character"),
        ("redis://u:p/w@host", "%2F"),
        ("redis://u:p#w@host", "%2F"),
        ("redis://host#x", "`#`"),
        ("redis://host?timeout=1", "the methods of"),
        ("redis+sentinel://host", "no name of a service"),
        ("redis+sentinel://host/", "no name of a service"),
        ("redis+sentinel://a,/s", "no host"),
        #[cfg(unix)]
        ("redis+unix://run/redis.sock", "no path"),
        #[cfg(unix)]
        ("redis+unix:///", "no path"),
        #[cfg(unix)]
        ("redis+unix:///a?x=1", "`db`"),
    ] {
        let fault = Target::parse(url).expect_err(url);
        assert_eq!(fault.kind(), FaultKind::Invalid);
        assert!(fault.to_string().contains(part), "{url}: {fault}");
    }
}

const SCHEMES: [&str; 7] =
    ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+unix", "unix", "REDIS+SENTINEL"];

proptest! {
    #[test]
    fn no_url_panics(scheme in prop::sample::select(&SCHEMES[..]), rest in "[a@:/?#%,\\[\\]0-9é\\s]{0,24}", other in any::<String>()) {
        let _ = Target::parse(&format!("{scheme}://{rest}"));
        let _ = Target::parse(&other);
    }

    /// The password stands behind a user and a colon, with whatever characters around it.
    #[test]
    fn no_error_shows_a_password(
        scheme in prop::sample::select(&SCHEMES[..]),
        before in "[a@:/?#%,\\[\\]0-9]{0,6}",
        after in "[a@:/?#%,\\[\\]0-9 ]{0,12}",
    ) {
        if let Err(fault) = Target::parse(&format!("{scheme}://user:{before}hunter2{after}")) {
            let shown = format!("{fault} {fault:?}");
            prop_assert!(!shown.contains("hunter"), "{shown}");
        }
    }

    #[test]
    fn every_encoded_password_is_decoded(password in "\\PC{1,12}") {
        let encoded = utf8_percent_encode(&password, NON_ALPHANUMERIC);
        let target = Target::parse(&format!("redis://:{encoded}@host")).unwrap();
        prop_assert_eq!(target.credentials.unwrap().password, password);
    }

    #[test]
    fn the_place_of_a_url_is_a_url_of_the_same_server(host in "[a-z0-9.-]{1,12}", port in 1u16.., database in 0i64..99) {
        let target = Target::parse(&format!("redis://u:p@{host}:{port}/{database}")).unwrap();
        let again = Target::parse(target.place()).unwrap();
        prop_assert_eq!((again.service, again.database), (target.service, target.database));
    }
}
