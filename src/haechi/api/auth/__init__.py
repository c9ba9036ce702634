"""Who somebody is: users, passwords, sessions, the first-run set-up, and the brakes on guessing."""
