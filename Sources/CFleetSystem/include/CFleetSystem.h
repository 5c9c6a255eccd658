int csys_placeholder(void);
