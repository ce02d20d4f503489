@main
struct Narrowgate {
    static func main() {}
}
