"""The console of supervisors and call-centre staff: pages made on the server, read by any browser."""
