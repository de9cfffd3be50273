//! Real servers for tests: started on free loopback ports, stopped with the value that holds them.
