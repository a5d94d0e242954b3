//! The examples are small programs, each in a folder beside this one; `README.md` lists them.
