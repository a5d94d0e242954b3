//! Proxies in front of a server: nginx, HAProxy, and trusted ones in general.

mod haproxy;
mod nginx;
mod trusted;
