/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * cxx.cc: a guest in C++: static objects, virtual functions, new and delete,
 * and the headers, as they are for C.
 */

#include <stdio.h>
#include <string.h>

#include <hyperlight_exception.h>
#include <hyperlight_guest.h>
#include <hyperlight_http.h>


/*
 * Calls from its constructor what is not there yet.  In no namespace, so that
 * the compiler cannot know that there is one class that it may be.
 */

class Unfinished {
public:
    Unfinished() { call(); }
    virtual ~Unfinished() {}
    void call() { Unfinished *volatile  self = this; self->pure(); }
    virtual void pure() = 0;
};


class Finished : public Unfinished {
public:
    void pure() override {}
};


namespace {


int  cxx_alive;


class Shape {
public:
    Shape() { cxx_alive++; }
    virtual ~Shape() { cxx_alive--; }
    virtual int area() const = 0;
};


class Square : public Shape {
public:
    explicit Square(int side) : side_(side) {}
    int area() const override { return side_ * side_; }

private:
    int  side_;
};


class Rectangle : public Shape {
public:
    Rectangle(int a, int b) : a_(a), b_(b) {}
    int area() const override { return a_ * b_; }

private:
    int  a_, b_;
};


struct alignas(64) Aligned {
    char  bytes[64];
};


/* Made before hyperlight_main(), never destroyed. */

class Greeting {
public:
    Greeting() { strcpy(text_, "constructed"); }
    ~Greeting() { text_[0] = '\0'; }
    char *text() { return text_; }

private:
    char  text_[16];
};


Greeting  greeting;


template <typename T> T
largest(T a, T b)
{
    return a > b ? a : b;
}


char *
greet()
{
    return greeting.text();
}


int32_t
areas(int32_t a, int32_t b)
{
    int32_t   sum;
    Shape    *shapes[2];

    shapes[0] = new Square(a);
    shapes[1] = new Rectangle(a, b);

    sum = 0;

    for (Shape *shape : shapes) {
        sum += shape->area();
        delete shape;
    }

    return sum;
}


/* 0 if all of them are gone again. */

int32_t
arrays(int32_t n)
{
    Square   *squares[4];
    Aligned  *aligned;
    char     *bytes;

    for (Square *&square : squares) {
        square = new Square(n);
    }

    for (Square *square : squares) {
        delete square;
    }

    bytes = new char[static_cast<size_t>(n)];
    delete[] bytes;

    aligned = new Aligned[2];

    if (reinterpret_cast<uintptr_t>(aligned) % alignof(Aligned) != 0) {
        return -1;
    }

    delete[] aligned;

    return cxx_alive;
}


/* A static object of a function is made once. */

int32_t
once()
{
    static Rectangle  rectangle(6, largest(3, 7));

    return rectangle.area();
}


int32_t
log_it()
{
    LOG(hl_Level_Error, "from C++");

    return 0;
}


/* Aborts: the heap is not that large. */

void
too_much()
{
    volatile size_t  n = 1u << 30;
    char *volatile   p = new char[n];

    delete[] p;
}


void
pure_virtual()
{
    Finished  finished;
}


void
http(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_header_t  h = {};

    while (hl_http_next_header(req, &h)) {
        hl_http_printf(resp, "%s=%s ", h.name.data, h.value.data);
    }
}


}


HYPERLIGHT_WRAP_FUNCTION(greet, String, 0)
HYPERLIGHT_WRAP_FUNCTION(areas, Int, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(arrays, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(once, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(log_it, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(too_much, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(pure_virtual, Void, 0)


void
hyperlight_main()
{
    HYPERLIGHT_REGISTER_FUNCTION("Greet", greet);
    HYPERLIGHT_REGISTER_FUNCTION("Areas", areas);
    HYPERLIGHT_REGISTER_FUNCTION("Arrays", arrays);
    HYPERLIGHT_REGISTER_FUNCTION("Once", once);
    HYPERLIGHT_REGISTER_FUNCTION("LogIt", log_it);
    HYPERLIGHT_REGISTER_FUNCTION("TooMuch", too_much);
    HYPERLIGHT_REGISTER_FUNCTION("PureVirtual", pure_virtual);

    hl_http_register("http", http);
}
