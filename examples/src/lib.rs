//! The examples are in folders of their own beside this one; see the `README.md` there.
