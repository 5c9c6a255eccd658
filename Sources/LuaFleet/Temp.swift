import Glibc
enum Processors { static var current: (usable: Int, x: Int) { (Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 0) } }
