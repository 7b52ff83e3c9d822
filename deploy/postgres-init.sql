CREATE DATABASE provider OWNER skypail;
